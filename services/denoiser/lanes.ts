/**
 * The jobs that a denoiser works on at once, one in each lane. Their runs on the device alternate, so it has work while one
 * of them waits for its ControlNets: more pictures, each of them later.
 */
import { Actor, type Behaviour, type Offer } from '#shared/actor/actor.ts';

/** One that waits in each lane, so that it is prepared: what waits beyond that goes to whoever is free first. */
const WAITING_PER_LANE = 1;

/** See the head of this file. */
export class Lanes {
  readonly #actors: readonly Actor<object>[];

  constructor(count: number) {
    this.#actors = Array.from({ length: count }, () => new Actor<object>({}, { mailboxSize: WAITING_PER_LANE }));
  }

  /** Messages waiting and running. */
  get load(): number {
    return this.#actors.reduce((sum, actor) => sum + actor.load, 0);
  }

  /** Messages that may wait and run before MAILBOX_FULL. */
  get capacity(): number {
    return this.#actors.reduce((sum, actor) => sum + actor.capacity, 0);
  }

  /** An entry for one kind of turn, taken by the emptiest lane. */
  on<Request, Reply>(behaviour: Behaviour<object, Request, Reply>): Offer<Request, Reply> {
    const offers = this.#actors.map((actor) => ({ actor, offer: actor.on(behaviour) }));
    return (request, signal) => {
      const emptiest = offers.reduce((best, one) => (one.actor.load < best.actor.load ? one : best));
      return emptiest.offer(request, signal);
    };
  }

  /** Takes nothing new, finishes what is in. Idempotent. */
  async drain(): Promise<void> {
    await Promise.all(this.#actors.map((actor) => actor.drain()));
  }

  /** Aborts the running turns, refuses the waiting ones. Idempotent. */
  async stop(): Promise<void> {
    await Promise.all(this.#actors.map((actor) => actor.stop()));
  }
}
