import { describe, expect, it } from 'vitest';
import { publishJson } from '#shared/bus/door.ts';
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
