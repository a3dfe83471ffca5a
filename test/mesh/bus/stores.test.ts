import { describe, expect, it } from 'vitest';
import { ensureCheckpointStream, readCheckpoints } from '#shared/bus/checkpoint-stream.ts';
import { openDeadLetters } from '#shared/bus/dead-letters.ts';
import { publishJson } from '#shared/bus/door.ts';
import { manager } from '#shared/bus/jet-stream.ts';
import { openJobStore } from '#shared/bus/job-store.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { openResultStore, readObject } from '#shared/bus/object-store.ts';
import { ensureSpanStream, readSpans } from '#shared/bus/span-stream.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { jobStoreContract, resultStoreContract, type StoredState } from '#test/contract/bus/store-contract.ts';
import { startNats, type TestNats } from '../nats-kit.ts';

async function connect(nats: TestNats): Promise<NatsTransport & AsyncDisposable> {
  const transport = await connectNats({ url: nats.url, name: 'test' });
  return Object.assign(transport, { [Symbol.asyncDispose]: () => transport.close() });
}

interface OpenedLink extends AsyncDisposable {
  readonly link: NatsTransport;
}

/** A connection to a server of its own. */
async function openLink(): Promise<OpenedLink> {
  const nats = await startNats();
  const link = await connect(nats);
  return {
    link,
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    },
  };
}

jobStoreContract('JetStream', async () => {
  const opened = await openLink();
  return Object.assign(opened, { store: await openJobStore<StoredState>(opened.link.connection) });
});

resultStoreContract('JetStream', async () => {
  const opened = await openLink();
  return Object.assign(opened, { store: await openResultStore(opened.link.connection) });
});

describe('job store — outages', () => {
  it('outlasts a restart of the server', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openJobStore<StoredState>(link.connection);
    await store.create('a', { state: 'queued' });
    await nats.kill();
    const created = store.create('b', { state: 'queued' });
    const read = store.get('a');
    await nats.start();
    expect(await created).toBe(true);
    expect((await read)!.record).toEqual({ state: 'queued' });
    expect((await store.get('b'))!.record).toEqual({ state: 'queued' });
  });

  it('BUS_UNAVAILABLE when there is no server for too long', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openJobStore<StoredState>(link.connection, { patienceMs: 0 });
    await nats.kill();
    expect((await failure(store.get('a'))).code).toBe('BUS_UNAVAILABLE');
  });
});

describe('result store — without opening it', () => {
  it('reads what an event names', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const { bucket, put } = await openResultStore(link.connection);
    await put('a-0.png', new Uint8Array([1, 2]));
    expect([...(await readObject(link.connection, { bucket, name: 'a-0.png' }))]).toEqual([1, 2]);
  });
});

describe('span stream', () => {
  it('gives back the spans of one trace, in order', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    await ensureSpanStream(link.connection);
    await ensureSpanStream(link.connection);
    for (const name of ['first', 'second']) {
      publishJson(link, subjects.spans('trace-a'), [{ name }]);
      publishJson(link, subjects.spans('trace-b'), [{ name: 'other' }]);
    }
    await link.flush();
    expect(await readSpans(link.connection, 'trace-a')).toEqual([{ name: 'first' }, { name: 'second' }]);
    expect(await readSpans(link.connection, 'trace-c')).toEqual([]);
  });

  it('knows no spans where nobody has made the stream', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    expect(await readSpans(link.connection, 'trace-a')).toEqual([]);
  });
});

describe('result store — many at once', () => {
  it('a file that is written anew while it is read is read whole', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openResultStore(link.connection);
    const bytes = new Uint8Array(400 * 1024).fill(7);
    await store.put('hint.png', bytes);
    for (let i = 0; i < 10; i++) {
      const [, read] = await Promise.all([store.put('hint.png', bytes), store.get('hint.png')]);
      expect(Buffer.compare(read, bytes)).toBe(0);
    }
  });
});

describe('result store — limits', () => {
  it('beyond its bytes the oldest files go, and what has lost a part of itself is not there any more', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openResultStore(link.connection, { maxBytes: 2 ** 20 });
    const file = (i: number): Uint8Array => new Uint8Array(300 * 1024).fill(i);
    for (let i = 0; i < 8; i++) await store.put(`${i}.png`, file(i));
    expect(Buffer.compare(await store.get('7.png'), file(7))).toBe(0);
    for (const i of [0, 3]) expect((await failure(store.get(`${i}.png`))).code).toBe('UNKNOWN_JOB');
  });

  it('a store that exists takes the limits of whoever opens it next', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    await openResultStore(link.connection);
    await openResultStore(link.connection, { maxBytes: 2 ** 20, maxAgeMs: 60_000 });
    const { config } = await (await manager(link.connection)).streams.info('OBJ_LATENTMESH_RESULTS');
    expect(config).toMatchObject({ max_bytes: 2 ** 20, max_age: 60_000 * 1e6, discard: 'old' });
  });
});

describe('checkpoint stream', () => {
  it('gives back what was written for a job, in order, and nothing where there is none', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    expect(await readCheckpoints(link.connection, 'a')).toEqual([]);
    await ensureCheckpointStream(link.connection);
    for (const piece of [1, 2]) link.publish(subjects.checkpoint('a'), Uint8Array.of(piece));
    link.publish(subjects.checkpoint('b'), Uint8Array.of(3));
    await link.flush();
    expect((await readCheckpoints(link.connection, 'a')).map((bytes) => [...bytes])).toEqual([[1], [2]]);
    expect(await readCheckpoints(link.connection, 'c')).toEqual([]);
  });
});

describe('dead letters', () => {
  it('are kept once for each job, over a restart of the server, and read from the newest on', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const letters = await openDeadLetters<{ job: string; code: string }>(link.connection);
    for (const job of ['a', 'b', 'b']) await letters.write({ job, code: 'INTERNAL' });
    await nats.restart();
    expect((await letters.latest(10)).map(({ job }) => job)).toEqual(['b', 'a']);
    expect(await letters.latest(1)).toEqual([{ job: 'b', code: 'INTERNAL' }]);
  });
});
