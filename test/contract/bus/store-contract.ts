/** What a store of records and a store of files promise, wherever they keep them. */
import { describe, expect, it } from 'vitest';
import type { JobStore } from '#shared/bus/job-store.ts';
import type { ResultStore } from '#shared/bus/object-store.ts';
import { failure } from './harness.ts';

/** What the tests write. */
export interface StoredState {
  readonly state: string;
}

/** A store that was opened for one test. */
export interface Opened<Store> extends AsyncDisposable {
  readonly store: Store;
}

/** Runs the suite for a store of records. */
export function jobStoreContract(name: string, open: () => Promise<Opened<JobStore<StoredState>>>): void {
  describe(`job store over ${name}`, () => {
    it('creates once, and updates only what has been read', async () => {
      await using opened = await open();
      const { store } = opened;
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
      await using opened = await open();
      const create = (i: number): Promise<boolean> => opened.store.create('a', { state: `${i}` });
      const created = await Promise.all(Array.from({ length: 10 }, (_value, i) => create(i)));
      expect(created.filter(Boolean)).toHaveLength(1);
    });

    it('lists what was written last, the latest first', async () => {
      await using opened = await open();
      const { store } = opened;
      for (const job of ['a', 'b', 'c', 'd']) await store.create(job, { state: job });
      const { revision } = (await store.get('b'))!;
      await store.update('b', { state: 'b again' }, revision);
      expect((await store.recent(3)).map(({ state }) => state)).toEqual(['b again', 'd', 'c']);
      expect(await store.recent(100)).toHaveLength(4);
    });

    it('gives copies: what is done to a record that was read changes nothing', async () => {
      await using opened = await open();
      const record = { state: 'queued' };
      await opened.store.create('a', record);
      record.state = 'changed';
      expect((await opened.store.get('a'))!.record).toEqual({ state: 'queued' });
    });
  });
}

/** Runs the suite for a store of files. */
export function resultStoreContract(name: string, open: () => Promise<Opened<ResultStore>>): void {
  describe(`result store over ${name}`, () => {
    it('keeps files by name, the last one counts', async () => {
      await using opened = await open();
      const { store } = opened;
      await store.put('a-0.png', new Uint8Array([1]));
      const picture = new Uint8Array(1_500_000).map((_byte, i) => i);
      await store.put('a-0.png', picture);
      expect(Buffer.compare(await store.get('a-0.png'), picture)).toBe(0);
    });

    it('knows the size of a file, and of none that it does not hold', async () => {
      await using opened = await open();
      const { store } = opened;
      await store.put('a-0.png', new Uint8Array(300_000));
      expect([await store.sizeBytes('a-0.png'), await store.sizeBytes('b-0.png')]).toEqual([300_000, undefined]);
    });

    it('UNKNOWN_JOB for a name it does not hold', async () => {
      await using opened = await open();
      const error = await failure(opened.store.get('b-0.png'));
      expect([error.code, error.details]).toEqual(['UNKNOWN_JOB', { name: 'b-0.png' }]);
    });
  });
}
