import { describe, expect, it } from 'vitest';
import { MemoryResultStore } from '#test/contract/bus/memory-stores.ts';
import { recentFiles } from '../../../services/gateway/recent-files.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

class FullStore extends MemoryResultStore {
  override put(): Promise<void> {
    return Promise.reject(new Error('full'));
  }
}

describe('recent files', () => {
  it('puts into the store, and gives what it has put without asking it', async () => {
    const store = new MemoryResultStore();
    const files = recentFiles(store);
    const picture = bytes(1, 2, 3);
    await files.put('job-0.png', picture);
    expect(await store.get('job-0.png')).toEqual(picture);
    expect(await files.get('job-0.png')).toBe(picture);
    expect(await files.sizeBytes('job-0.png')).toBe(3);
  });

  it('gives what others have put as it is now', async () => {
    const store = new MemoryResultStore();
    const files = recentFiles(store);
    for (const photo of [bytes(1), bytes(2, 2)]) {
      await store.put('photo', photo);
      expect(await files.get('photo')).toEqual(photo);
      expect(await files.sizeBytes('photo')).toBe(photo.length);
    }
  });

  it('asks the store for what it no longer remembers', async () => {
    const files = recentFiles(new MemoryResultStore(), 4);
    await files.put('old', bytes(1, 2, 3));
    await files.put('new', bytes(4, 5, 6));
    expect(await files.get('old')).toEqual(bytes(1, 2, 3));
  });

  it('does not remember what the store refused', async () => {
    const files = recentFiles(new FullStore());
    await expect(files.put('a', bytes(1))).rejects.toThrow('full');
    await expect(files.get('a')).rejects.toThrow('no file');
  });
});
