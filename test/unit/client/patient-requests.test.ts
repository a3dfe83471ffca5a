import { describe, expect, it } from 'vitest';
import { errorReply } from '#shared/bus/error-reply.ts';
import { MemoryBroker } from '#shared/bus/memory-transport.ts';
import { PatientRequests } from '#shared/client/patient-requests.ts';
import { MeshError } from '#shared/errors/errors.ts';

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const decode = (payload: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(payload));

const open = () => {
  const broker = new MemoryBroker();
  return { broker, gateway: broker.connect(), client: new PatientRequests(broker.connect()) };
};

describe('client — patient requests', () => {
  it('resolves with the reply', async () => {
    const { gateway, client } = open();
    gateway.subscribe('ask', ({ payload, reply }) => gateway.publish(reply!, encode({ got: decode(payload) })));
    expect(await client.request('ask', { n: 1 }, 5_000)).toEqual({ got: { n: 1 } });
  });

  it("fails with the mesh's own error", async () => {
    const { gateway, client } = open();
    gateway.subscribe('ask', ({ reply }) => {
      const { payload, headers } = errorReply(new MeshError('UNKNOWN_JOB', 'No job x.', { job: 'x' }));
      gateway.publish(reply!, payload, { headers });
    });
    await expect(client.request('ask', {}, 5_000)).rejects.toMatchObject({
      code: 'UNKNOWN_JOB',
      message: 'No job x.',
      details: { job: 'x' },
    });
  });

  it('asks again after a lost connection, and the answer still comes', async () => {
    const { broker, gateway, client } = open();
    let requests = 0;
    const lost = Promise.withResolvers<void>();
    gateway.subscribe('ask', ({ reply }) => {
      requests += 1;
      if (requests === 1) lost.resolve();
      else gateway.publish(reply!, encode('done'));
    });
    const answer = client.request('ask', {}, 5_000);
    await lost.promise;
    broker.stop();
    broker.start();
    expect(await answer).toBe('done');
  });

  it('waits for a gateway that is just being started', async () => {
    const { gateway, client } = open();
    const answer = client.request('ask', {}, 5_000);
    gateway.subscribe('ask', ({ reply }) => gateway.publish(reply!, encode('here')));
    expect(await answer).toBe('here');
  });

  it('says when a request is larger than a message', async () => {
    const { client } = open();
    await expect(client.request('ask', 'x'.repeat(2 ** 21), 5_000)).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
  });

  it('hands on what is published', async () => {
    const { gateway, client } = open();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    await client.listen('events', resolve);
    gateway.publish('events', encode({ step: 1 }));
    expect(await promise).toEqual({ step: 1 });
  });
});
