/** Heartbeats with everything filled in that a test does not speak of. */
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';

/** The slot is the instance's own unless given. */
export function heartbeat(instance: string, more: Partial<Heartbeat> = {}): Heartbeat {
  return {
    role: 'vae',
    instance,
    slot: `slot of ${instance}`,
    device: 'cpu',
    model: 'tiny',
    load: 0,
    capacity: 17,
    holds: [],
    leaving: false,
    started_unix_ms: 1000,
    rss_bytes: 1,
    ...more,
  };
}
