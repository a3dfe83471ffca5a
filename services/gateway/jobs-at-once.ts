/** How many jobs a gateway works on at once. */
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';

/** Enough for the stages of one denoiser's jobs to overlap. */
const LEAST = 4;

/**
 * Each denoiser's job and the next one, with some to be encoded and decoded meanwhile; shared among the gateways. More would
 * only wait at a gateway instead of in the queue, where their class and their client's turn count.
 */
export function jobsAtOnce(instances: readonly Pick<Heartbeat, 'role'>[]): number {
  const count = (role: Heartbeat['role']): number => instances.filter((one) => one.role === role).length;
  return Math.max(LEAST, Math.ceil((2 * count('denoiser') + 2) / Math.max(count('gateway'), 1)));
}
