/**
 * How many jobs of a client are not over: of clients whose key has a limit, as far as this gateway has accepted them. A job leaves with
 * its last event, or after its deadline, should that event be lost.
 */
import { isEndEvent, type JobEvent } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';

/** A client and how many of its jobs may wait or run. */
export interface ClientLimit {
  readonly client: string;
  readonly maxJobs: number;
}

/** One place of a client, taken before its job is looked at. */
export interface JobPlace {
  /** From now on the job has it. One that has a place already keeps that one. */
  hold(job: string, deadlineUnixMs: number): void;
  /** There is no job, or it is over. */
  free(): void;
}

/** See the head of this file. */
export class ClientShares {
  readonly #now: () => number;
  /** Client → job → its deadline, Unix ms. */
  readonly #held = new Map<string, Map<string | symbol, number>>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @throws MeshError QUOTA_EXCEEDED while the client has all its places */
  take({ client, maxJobs }: ClientLimit): JobPlace {
    const held = this.#heldBy(client);
    if (held.size >= maxJobs) throw tooMany(client, maxJobs);
    let holder: string | symbol = Symbol(client);
    let isOurs = true;
    held.set(holder, Number.POSITIVE_INFINITY);
    return {
      hold: (job, deadlineUnixMs) => {
        held.delete(holder);
        holder = job;
        isOurs = !held.has(job);
        if (isOurs) held.set(job, deadlineUnixMs);
      },
      free: () => void (isOurs && held.delete(holder)),
    };
  }

  /** Takes an event from the bus. */
  hear(event: JobEvent): void {
    if (!isEndEvent(event)) return;
    for (const held of this.#held.values()) held.delete(event.job);
  }

  #heldBy(client: string): Map<string | symbol, number> {
    const held = this.#held.get(client) ?? new Map<string | symbol, number>();
    this.#held.set(client, held);
    const now = this.#now();
    for (const [job, deadlineUnixMs] of held) if (deadlineUnixMs < now) held.delete(job);
    return held;
  }
}

function tooMany(client: string, maxJobs: number): MeshError {
  const text = `The key of ${client} has ${maxJobs} jobs that wait or run, as many as it may. Send more once one of them is over.`;
  return new MeshError('QUOTA_EXCEEDED', text, { limit: maxJobs, of: 'jobs_at_once' });
}
