import { afterAll, beforeAll } from 'vitest';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { startNats, type TestNats } from '#test/mesh/nats-kit.ts';
import { busAdversaries } from './adversarial-contract.ts';
import { busContract } from './bus-contract.ts';
import { doorContract } from './door-contract.ts';
import { type Harness, harness } from './harness.ts';
import { transferContract } from './transfer-contract.ts';

let nats: TestNats;

beforeAll(async () => {
  nats = await startNats();
});

afterAll(() => nats[Symbol.asyncDispose]());

async function start(): Promise<Harness> {
  return harness(() => connectNats({ url: nats.url, name: 'test' }));
}

busContract('NATS', start);
busAdversaries('NATS', start);
doorContract('NATS', start);
transferContract('NATS', async () => () => connectNats({ url: nats.url, name: 'test' }));
