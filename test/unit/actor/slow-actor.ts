/** An actor whose turns stand still until the test lets them go on. */
import { Actor, type Offer } from '#shared/actor/actor.ts';
import { aborted, type Gate, gate } from '#test/contract/bus/harness.ts';

/** What happened, in order: `start a`, `end a`, `aborted a`. */
export type Diary = string[];

export interface SlowActor {
  readonly actor: Actor<readonly string[]>;
  readonly diary: Diary;
  /** A turn that appends its request to the state. It waits for its gate, and stops when its signal aborts. */
  readonly add: Offer<string, number>;
  /** Lets a turn end, also before it begins. */
  finish(request: string): void;
  /** Resolves when a turn has begun. */
  started(request: string): Promise<void>;
}

/** `add` replies with the number of entries in the state. */
export function slowActor(options: { readonly mailboxSize?: number } = {}): SlowActor {
  const diary: Diary = [];
  const gates = new Map<string, Gate>();
  const gateOf = (name: string): Gate => {
    const known = gates.get(name) ?? gate();
    gates.set(name, known);
    return known;
  };
  const actor = new Actor<readonly string[]>([], options);
  const add = actor.on(async (state, request: string, signal) => {
    diary.push(`start ${request}`);
    gateOf(`start ${request}`).open();
    try {
      await Promise.race([gateOf(request).opened, aborted(signal)]);
    } catch (reason) {
      diary.push(`aborted ${request}`);
      throw reason;
    }
    diary.push(`end ${request}`);
    const next = [...state, request];
    return { state: next, reply: next.length };
  });
  return {
    actor,
    diary,
    add,
    finish: (request) => gateOf(request).open(),
    started: (request) => gateOf(`start ${request}`).opened,
  };
}

/** A signal for callers who never give up. */
export function patient(): AbortSignal {
  return new AbortController().signal;
}
