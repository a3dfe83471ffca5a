import { describe, expect, it } from 'vitest';
import { publishJson } from '#shared/bus/door.ts';
import { openJobStore } from '#shared/bus/job-store.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { openResultStore, readObject } from '#shared/bus/object-store.ts';
import { ensureSpanStream, readSpans } from '#shared/bus/span-stream.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { startNats, type TestNats } from '../nats-kit.ts';

async function connect(nats: TestNats): Promise<NatsTransport & AsyncDisposable> {
  const transport = await connectNats({ url: nats.url, name: 'test' });
  return Object.assign(transport, { [Symbol.asyncDispose]: () => transport.close() });
}

interface Record {
  readonly state: string;
}

describe('job store', () => {
  it('creates once, and updates only what has been read', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openJobStore<Record>(link.connection);
    expect(await store.get('a')).toBeUndefined();
    expect(await store.create('a', { state: 'queued' })).toBe(true);
    expect(await store.create('a', { state: 'other' })).toBe(false);
    const { record, revision } = (await store.get('a'))!;
    expect(record).toEqual({ state: 'queued' });
    expect(await store.update('a', { state: 'running' }, revision)).toBe(true);
    expect(await store.update('a', { state: 'stale' }, revision)).toBe(false);
    expect((await store.get('a'))!.record).toEqual({ state: 'running' });
  });

  it('of many who create one record, one has', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openJobStore<Record>(link.connection);
    const created = await Promise.all(Array.from({ length: 10 }, (_value, i) => store.create('a', { state: `${i}` })));
    expect(created.filter(Boolean)).toHaveLength(1);
  });

  it('outlasts a restart of the server', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openJobStore<Record>(link.connection);
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
    const store = await openJobStore<Record>(link.connection, { patienceMs: 0 });
    await nats.kill();
    expect((await failure(store.get('a'))).code).toBe('BUS_UNAVAILABLE');
  });
});

describe('result store', () => {
  it('keeps files by name, the last one counts', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openResultStore(link.connection);
    await store.put('a-0.png', new Uint8Array([1]));
    const picture = new Uint8Array(1_500_000).map((_byte, i) => i);
    await store.put('a-0.png', picture);
    expect(Buffer.compare(await store.get('a-0.png'), picture)).toBe(0);
    expect((await readObject(link.connection, { bucket: store.bucket, name: 'a-0.png' })).byteLength).toBe(1_500_000);
  });

  it('UNKNOWN_JOB for a name it does not hold', async () => {
    await using nats = await startNats();
    await using link = await connect(nats);
    const store = await openResultStore(link.connection);
    const error = await failure(store.get('b-0.png'));
    expect([error.code, error.details]).toEqual(['UNKNOWN_JOB', { name: 'b-0.png' }]);
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
