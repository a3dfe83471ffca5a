import { afterAll, beforeAll } from 'vitest';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { startNats, type TestNats } from '#test/mesh/nats-kit.ts';
import { busContract } from './bus-contract.ts';
import { harness } from './harness.ts';

let nats: TestNats;

beforeAll(async () => {
  nats = await startNats();
});

afterAll(() => nats[Symbol.asyncDispose]());

busContract('NATS', async () => harness(() => connectNats({ url: nats.url, name: 'test' })));
