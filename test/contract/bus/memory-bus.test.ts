import { MemoryBroker } from '#shared/bus/memory-transport.ts';
import { busAdversaries } from './adversarial-contract.ts';
import { busContract } from './bus-contract.ts';
import { doorContract } from './door-contract.ts';
import { type Harness, harness } from './harness.ts';
import { transferContract } from './transfer-contract.ts';

transferContract('memory', async () => {
  const broker = new MemoryBroker();
  return async () => broker.connect();
});

async function start(): Promise<Harness> {
  const broker = new MemoryBroker();
  return harness(async () => broker.connect());
}

busContract('memory', start);
busAdversaries('memory', start);
doorContract('memory', start);
