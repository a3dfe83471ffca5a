/** How many jobs each key may still send: as many as its minute has, filled up all the time. Each gateway counts for itself. */
import { MeshError } from '#shared/errors/errors.ts';
import type { ApiKey } from './api-keys.ts';

const MINUTE_MS = 60_000;

/** What is left of a key's minute. */
interface Bucket {
  tokens: number;
  atMs: number;
}

/** See the head of this file. */
export class Quotas {
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Counts one job. @throws MeshError QUOTA_EXCEEDED with the wait in its details */
  take({ name, limits }: Pick<ApiKey, 'name' | 'limits'>): void {
    const perMinute = limits.jobs_per_minute;
    if (perMinute === undefined) return;
    const most = Math.max(1, perMinute);
    const { tokens, atMs } = this.#buckets.get(name) ?? { tokens: most, atMs: this.#now() };
    const filled = Math.min(most, tokens + ((this.#now() - atMs) * perMinute) / MINUTE_MS);
    if (filled < 1) throw exceeded(name, perMinute, Math.ceil(((1 - filled) * MINUTE_MS) / perMinute / 1000));
    this.#buckets.set(name, { tokens: filled - 1, atMs: this.#now() });
  }
}

function exceeded(name: string, perMinute: number, retryAfterSeconds: number): MeshError {
  const text = `The key of ${name} has sent its ${perMinute} jobs of a minute. Try again in ${retryAfterSeconds} s.`;
  return new MeshError('QUOTA_EXCEEDED', text, { limit: perMinute, retry_after_s: retryAfterSeconds });
}
