import { describe, expect, it } from 'vitest';
import { MemoryBroker } from '#shared/bus/memory-transport.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { message } from '#shared/wire/message.ts';
import { soon } from '#test/contract/bus/harness.ts';
import { ManualClock } from '#test/contract/bus/manual-clock.ts';

describe('bus stress', () => {
  it('B1: ten thousand calls, some failing, some aborted, each settle once and leave nothing behind', async () => {
    const broker = new MemoryBroker();
    const clock = new ManualClock();
    const [caller, ...callees] = Array.from({ length: 4 }, (_value, i) => {
      return new MeshBus(broker.connect(), { instance: `bus-${i}`, clock });
    }) as [MeshBus, ...MeshBus[]];
    for (const bus of callees) {
      bus.serve(
        'work',
        async ({ body }) => {
          if ((body as number) % 3 === 0) throw new MeshError('MAILBOX_FULL', 'full');
          return message(body);
        },
        { queue: 'q' },
      );
    }
    const outcomes = await Promise.all(
      Array.from({ length: 10_000 }, async (_value, n) => {
        const abort = new AbortController();
        const call = caller.call('work', message(n), soon(clock, { signal: abort.signal }));
        if (n % 5 === 0) abort.abort();
        return call.then(
          ({ body }) => (body === n ? 'reply' : 'another’s reply'),
          (error: MeshError) => error.code,
        );
      }),
    );
    expect(
      Object.fromEntries(
        Map.groupBy(outcomes, (one) => one)
          .entries()
          .map(([k, v]) => [k, v.length]),
      ),
    ).toEqual({
      CANCELLED: 2000,
      MAILBOX_FULL: 2667,
      reply: 5333,
    });
    await Promise.all([caller, ...callees].map((bus) => bus.close()));
    expect(clock.pendingTimers).toBe(0);
  });
});
