/** Whose turn it is, through the server: one worker that is busy while jobs of all kinds come in. */
import { jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import { type JobQueue, openJobQueue, type Submission } from '#shared/bus/job-queue.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { gate } from '#test/contract/bus/harness.ts';
import { startNats } from '../nats-kit.ts';

/** The order in which a worker with one slot takes these jobs, which came while it was busy. */
async function orderOf(queue: JobQueue, jobs: readonly Omit<Submission, 'body'>[]): Promise<string[]> {
  const [busy, free, all] = [gate(), gate(), gate()];
  const order: string[] = [];
  const worker = queue.consume(
    () => 1,
    async ({ id }) => {
      if (id === 'first') {
        busy.open();
        await free.opened;
      } else if (order.push(id) === jobs.length) all.open();
    },
  );
  await queue.submit({ id: 'first', body: null });
  await busy.opened;
  for (const job of jobs) await queue.submit({ ...job, body: null });
  free.open();
  await all.opened;
  await worker.drain();
  expect(await queue.depth()).toBe(0);
  return order;
}

async function withQueue<T>(run: (queue: JobQueue) => Promise<T>): Promise<T> {
  await using nats = await startNats();
  const transport = await connectNats({ url: nats.url, name: 'test' });
  try {
    return await run(await openJobQueue(transport.connection));
  } finally {
    await transport.close();
  }
}

describe('job queue — whose turn it is', () => {
  it('Q5: the higher class first, in the order of their coming within it', async () => {
    const classes = ['low', 'normal', 'high', 'low', 'normal', 'high'] as const;
    const jobs = classes.map((priority, i) => ({ id: `${priority}-${i}`, priority }));
    expect(await withQueue((queue) => orderOf(queue, jobs))).toEqual([
      'high-2',
      'high-5',
      'normal-1',
      'normal-4',
      'low-0',
      'low-3',
    ]);
  });

  it('clients alternate, whoever came first and with however many', async () => {
    const jobs = ['Ann 1', 'Ann 2', 'Ann 3', 'Ben 1', 'Ben 2'].map((name) => {
      const [client, number] = name.split(' ');
      return { id: `${client}-${number}`, client: client! };
    });
    expect(await withQueue((queue) => orderOf(queue, jobs))).toEqual(['Ben-1', 'Ann-1', 'Ben-2', 'Ann-2', 'Ann-3']);
  });

  it('low ones are not left for last when there is no end of high ones', async () => {
    const high = Array.from({ length: 12 }, (_, i) => ({ id: `high-${i}`, priority: 'high' as const }));
    const order = await withQueue((queue) => orderOf(queue, [{ id: 'low', priority: 'low' }, ...high]));
    expect(order.indexOf('low')).toBe(8);
  });

  it('an idle worker takes a job of a lane that nobody used before', async () => {
    await withQueue(async (queue) => {
      const taken = Promise.withResolvers<string>();
      const worker = queue.consume(
        () => 1,
        async ({ id }) => taken.resolve(id),
      );
      await queue.submit({ id: 'a', body: null, priority: 'low', client: 'Ann' });
      expect(await taken.promise).toBe('a');
      await worker.drain();
    });
  });

  it('lanes come back with a server that lost everything', async () => {
    await using nats = await startNats();
    const transport = await connectNats({ url: nats.url, name: 'test' });
    const queue = await openJobQueue(transport.connection);
    await queue.submit({ id: 'lost', body: null, client: 'Ann' });
    const { streams } = await jetstreamManager(transport.connection);
    await streams.delete('LATENTMESH_QUEUE');
    await nats.restart();
    const taken = Promise.withResolvers<string>();
    const worker = queue.consume(
      () => 1,
      async ({ id }) => taken.resolve(id),
    );
    await queue.submit({ id: 'next', body: null, client: 'Ann' });
    expect(await taken.promise).toBe('next');
    await worker.drain();
    await transport.close();
  });
});
