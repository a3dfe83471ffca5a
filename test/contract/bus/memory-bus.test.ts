import { MemoryBroker } from '#shared/bus/memory-transport.ts';
import { busContract } from './bus-contract.ts';
import { harness } from './harness.ts';

busContract('memory', async () => {
  const broker = new MemoryBroker();
  return harness(async () => broker.connect());
});
