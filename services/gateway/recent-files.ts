/** A result store that remembers what it has just put: who answers a job's caller has mostly made its pictures a moment ago. */
import { LRUCache } from 'lru-cache';
import type { ResultStore } from '#shared/bus/object-store.ts';

/** Bytes remembered: some fifty pictures of 512×512. */
const MAX_BYTES = 32 * 2 ** 20;

/** Puts into `store`, and reads from memory where it can. What it gives must not be written to. */
export function recentFiles(store: ResultStore, maxBytes = MAX_BYTES): ResultStore {
  const recent = new LRUCache<string, Uint8Array>({
    maxSize: maxBytes,
    sizeCalculation: (bytes) => Math.max(bytes.length, 1),
  });
  return {
    bucket: store.bucket,
    put: async (name, bytes) => {
      await store.put(name, bytes);
      recent.set(name, bytes);
    },
    sizeBytes: async (name) => recent.get(name)?.length ?? store.sizeBytes(name),
    get: async (name) => recent.get(name) ?? store.get(name),
  };
}
