/** What the contract suite needs of a transport, and small things that its tests share. */
import type { CallOptions } from '#shared/bus/bus.ts';
import { type DirectOptions, DirectPath } from '#shared/bus/direct-path.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import type { Transport } from '#shared/bus/transport.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { ManualClock } from './manual-clock.ts';

export interface Harness extends AsyncDisposable {
  readonly clock: ManualClock;
  /** A connection without a bus. */
  connect(): Promise<Transport>;
  /** With a clock of its own where it is given one. */
  newBus(instance: string, clock?: ManualClock): Promise<MeshBus>;
}

/** direct   which direct streams its buses offer and take; none when left out */
export function harness(connect: () => Promise<Transport>, { direct }: { direct?: DirectOptions } = {}): Harness {
  const clock = new ManualClock();
  const closing: (() => Promise<void>)[] = [];
  return {
    clock,
    connect: async () => {
      const transport = await connect();
      closing.push(() => transport.close());
      return transport;
    },
    newBus: async (instance, ownClock = clock) => {
      const path = direct && { direct: await DirectPath.open(direct) };
      const bus = new MeshBus(await connect(), { instance, clock: ownClock, ...path });
      closing.push(() => bus.stop());
      return bus;
    },
    [Symbol.asyncDispose]: async () => {
      for (const close of closing) await close();
    },
  };
}

/** A deadline a minute off. */
export function soon(clock: ManualClock, more: Partial<CallOptions> = {}): CallOptions {
  return { deadlineUnixMs: clock.now() + 60_000, ...more };
}

/** The error of a promise that must fail. */
export async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const outcome = await promise.then(
    (value) => new Error(`succeeded with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof MeshError) return outcome;
  throw outcome;
}

/** A promise and the way to open it. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** Rejects with the signal's reason. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** `n` floats that are all different. */
export function ramp(n: number): Float32Array {
  return new Float32Array(n).map((_zero, i) => i);
}
