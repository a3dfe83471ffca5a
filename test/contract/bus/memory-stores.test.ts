import { MemoryJobStore, MemoryResultStore } from './memory-stores.ts';
import { jobStoreContract, type Opened, resultStoreContract } from './store-contract.ts';

async function opened<Store>(store: Store): Promise<Opened<Store>> {
  return { store, [Symbol.asyncDispose]: async () => {} };
}

jobStoreContract('memory', () => opened(new MemoryJobStore()));
resultStoreContract('memory', () => opened(new MemoryResultStore()));
