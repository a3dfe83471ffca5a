import { describe, expect, it } from 'vitest';
import type { JobDelivery } from '#shared/bus/job-handling.ts';
import { openJobQueue } from '#shared/bus/job-queue.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { failure, gate } from '#test/contract/bus/harness.ts';
import { startNats, type TestNats } from '../nats-kit.ts';
import { startChild } from './child.ts';

async function connect(nats: TestNats): Promise<NatsTransport & AsyncDisposable> {
  const transport = await connectNats({ url: nats.url, name: 'test' });
  return Object.assign(transport, { [Symbol.asyncDispose]: () => transport.close() });
}

describe('job queue', () => {
  it('Q1: hands every job to one worker, once', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    await using otherLink = await connect(nats);
    const queue = await openJobQueue(link.connection);
    const other = await openJobQueue(otherLink.connection);
    const got: unknown[] = [];
    const all = gate();
    const handler = async (
      { id, body }: { id: string; body: unknown },
      { deliveryCount }: JobDelivery,
    ): Promise<void> => {
      got.push([id, body, deliveryCount]);
      if (got.length === 20) all.open();
    };
    const workers = [queue.consume(() => 2, handler), other.consume(() => 2, handler)];
    const ids = Array.from({ length: 20 }, (_value, i) => `job-${i}`);
    for (const id of ids) await queue.submit({ id, body: { of: id } });
    await queue.submit({ id: 'job-0', body: { of: 'job-0' } });
    await all.opened;
    await Promise.all(workers.map((one) => one.drain()));
    expect(got.toSorted()).toEqual(ids.map((id) => [id, { of: id }, 1]).toSorted());
    expect(await queue.depth()).toBe(0);
  });

  it('QUEUE_FULL when it holds as many jobs as it may', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const queue = await openJobQueue(link.connection, { maxJobs: 2 });
    await queue.submit({ id: 'a', body: null });
    await queue.submit({ id: 'b', body: null });
    expect((await failure(queue.submit({ id: 'c', body: null }))).code).toBe('QUEUE_FULL');
    expect(await queue.depth()).toBe(2);
  });

  it('PAYLOAD_TOO_LARGE for a job beyond a message', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const queue = await openJobQueue(link.connection);
    expect((await failure(queue.submit({ id: 'a', body: 'x'.repeat(2_000_000) }))).code).toBe('PAYLOAD_TOO_LARGE');
  });

  it('brings back what may go better elsewhere, drops what never will, and what is no job', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const queue = await openJobQueue(link.connection);
    await queue.submit({ id: 'hopeless', body: null });
    await queue.submit({ id: 'unlucky', body: null });
    link.publish(subjects.queue('normal', '0'), Buffer.from('no job'));
    const seen: string[] = [];
    const done = gate();
    const worker = queue.consume(
      () => 1,
      async ({ id }, { deliveryCount }) => {
        seen.push(`${id} ${deliveryCount}`);
        if (id === 'hopeless') throw new MeshError('WRONG_SHAPE', 'no');
        if (deliveryCount === 1) throw new MeshError('DRAINING', 'not here');
        done.open();
      },
    );
    await done.opened;
    await worker.drain();
    expect(seen).toEqual(['hopeless 1', 'unlucky 1', 'unlucky 2']);
    expect(await queue.depth()).toBe(0);
  });

  it('Q3: a busy worker holds nothing back from others', async () => {
    await using nats = await startNats();
    await using busyLink = await connect(nats);
    await using freeLink = await connect(nats);
    const busy = await openJobQueue(busyLink.connection);
    const free = await openJobQueue(freeLink.connection);
    const [started, finish, rest] = [gate(), gate(), gate()];
    const busyWorker = busy.consume(
      () => 1,
      async () => {
        started.open();
        await finish.opened;
      },
    );
    for (const id of ['a', 'b', 'c', 'd']) await busy.submit({ id, body: null });
    await started.opened;
    const taken: string[] = [];
    const freeWorker = free.consume(
      () => 1,
      async ({ id }) => {
        if (taken.push(id) === 3) rest.open();
      },
    );
    await rest.opened;
    finish.open();
    await Promise.all([busyWorker.drain(), freeWorker.drain()]);
    expect(taken).toEqual(['b', 'c', 'd']);
  });

  it('Q4: draining waits for what runs and takes nothing new', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const queue = await openJobQueue(link.connection);
    const [started, finish] = [gate(), gate()];
    const ran: string[] = [];
    const worker = queue.consume(
      () => 1,
      async ({ id }) => {
        started.open();
        await finish.opened;
        ran.push(id);
      },
    );
    await queue.submit({ id: 'a', body: null });
    await started.opened;
    const drained = worker.drain();
    await queue.submit({ id: 'b', body: null });
    finish.open();
    await drained;
    expect(ran).toEqual(['a']);
    const taken = Promise.withResolvers<string>();
    const next = queue.consume(
      () => 1,
      async ({ id }) => taken.resolve(id),
    );
    expect(await taken.promise).toBe('b');
    await next.drain();
  });

  it('Q2: a job whose worker was killed goes to another', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    await using child = startChild('worker-process.ts', [nats.url]);
    await child.said('ready');
    const queue = await openJobQueue(link.connection);
    await queue.submit({ id: 'a', body: null });
    await child.said('started a');
    const taken = Promise.withResolvers<unknown>();
    const worker = queue.consume(
      () => 1,
      async ({ id }, { deliveryCount }) => taken.resolve([id, deliveryCount]),
    );
    await child.kill();
    expect(await taken.promise).toEqual(['a', 2]);
    await worker.drain();
  });

  it('Q1: works on after the server was killed, with nothing lost', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const queue = await openJobQueue(link.connection);
    const done = new Set<string>();
    const all = gate();
    const worker = queue.consume(
      () => 2,
      async ({ id }) => {
        if (done.add(id).size === 20) all.open();
      },
    );
    for (let i = 0; i < 10; i++) await queue.submit({ id: `before-${i}`, body: null });
    await nats.kill();
    const submits = Array.from({ length: 10 }, (_value, i) => queue.submit({ id: `meanwhile-${i}`, body: null }));
    await nats.start();
    await Promise.all(submits);
    await all.opened;
    await worker.drain();
    expect(done.size).toBe(20);
  });
});
