/** How many jobs a gateway works on at once. */
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';

/** Enough for the stages of one denoiser's jobs to overlap. */
const LEAST = 4;

/**
 * What the denoisers take, their jobs and the next ones, with some to be encoded and decoded meanwhile; shared among the
 * gateways. More would only wait at a gateway instead of in the queue, where their class and their client's turn count.
 */
export function jobsAtOnce(instances: readonly Pick<Heartbeat, 'role' | 'capacity'>[]): number {
  const of = (role: Heartbeat['role']): typeof instances => instances.filter((one) => one.role === role);
  const taken = of('denoiser').reduce((sum, { capacity }) => sum + capacity, 0);
  return Math.max(LEAST, Math.ceil((taken + 2) / Math.max(of('gateway').length, 1)));
}
