/** How much each key may still send: as much as its minute has, filled up all the time. Each gateway counts for itself. */
import { MeshError } from '#shared/errors/errors.ts';
import type { ApiKey } from './api-keys.ts';

const MINUTE_MS = 60_000;
const WORDS = { jobs_per_minute: 'jobs', requests_per_minute: 'requests' } as const;

/** What is counted by the minute. */
export type Rate = keyof typeof WORDS;

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

  /** Counts one job or request. @throws MeshError QUOTA_EXCEEDED with the wait in its details */
  take({ name, limits }: Pick<ApiKey, 'name' | 'limits'>, rate: Rate = 'jobs_per_minute'): void {
    const perMinute = limits[rate];
    if (perMinute === undefined) return;
    const most = Math.max(1, perMinute);
    const bucket = `${rate} ${name}`;
    const { tokens, atMs } = this.#buckets.get(bucket) ?? { tokens: most, atMs: this.#now() };
    const filled = Math.min(most, tokens + ((this.#now() - atMs) * perMinute) / MINUTE_MS);
    const waitSeconds = Math.ceil(((1 - filled) * MINUTE_MS) / perMinute / 1000);
    if (filled < 1) throw exceeded({ name, rate, perMinute, waitSeconds });
    this.#buckets.set(bucket, { tokens: filled - 1, atMs: this.#now() });
  }
}

interface Excess {
  readonly name: string;
  readonly rate: Rate;
  readonly perMinute: number;
  readonly waitSeconds: number;
}

function exceeded({ name, rate, perMinute, waitSeconds }: Excess): MeshError {
  const text = `The key of ${name} has sent its ${perMinute} ${WORDS[rate]} of a minute. Try again in ${waitSeconds} s.`;
  return new MeshError('QUOTA_EXCEEDED', text, { limit: perMinute, of: rate, retry_after_s: waitSeconds });
}
