/**
 * Several who read factors at once: what is slow is the way to a file, and whoever wants another one must not wait for it.
 * Each is an actor; the one with the least to do takes the next request.
 */
import { Actor, type Offer } from '#shared/actor/actor.ts';

type State = Readonly<Record<string, never>>;

interface Reader<Request, Reply> {
  readonly actor: Actor<State>;
  readonly offer: Offer<Request, Reply>;
}

/** See the head of this file. */
export class Readers<Request, Reply> {
  readonly #readers: readonly Reader<Request, Reply>[];

  constructor(count: number, read: (request: Request) => Promise<Reply>) {
    this.#readers = Array.from({ length: count }, () => {
      const actor = new Actor<State>({});
      return { actor, offer: actor.on(async (state, request: Request) => ({ state, reply: await read(request) })) };
    });
  }

  get load(): number {
    return this.#readers.reduce((sum, { actor }) => sum + actor.load, 0);
  }

  get capacity(): number {
    return this.#readers.reduce((sum, { actor }) => sum + actor.capacity, 0);
  }

  /** Rejects as an actor's entry. */
  readonly offer: Offer<Request, Reply> = (request, signal) => {
    const freest = this.#readers.reduce((best, one) => (one.actor.load < best.actor.load ? one : best));
    return freest.offer(request, signal);
  };

  async drain(): Promise<void> {
    await Promise.all(this.#readers.map(({ actor }) => actor.drain()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#readers.map(({ actor }) => actor.stop()));
  }
}
