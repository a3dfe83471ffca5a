import { describe, expect, it } from 'vitest';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { MemoryResultStore } from '#test/contract/bus/memory-stores.ts';
import { messageReply } from '../../../services/gateway/replies.ts';
import { result } from './admitted.ts';

const RECORD: JobRecord = {
  job: 'job-1',
  state: 'done',
  trace_id: '',
  created_unix_ms: 0,
  request_digest: '',
  reply_to: [],
};

/** A finished job with pictures of the given sizes in the store. */
async function finished(...sizesBytes: number[]): Promise<{ record: JobRecord; files: MemoryResultStore }> {
  const files = new MemoryResultStore();
  const images = sizesBytes.map((bytes, i) => ({
    seed: i,
    width: 64,
    height: 64,
    parameters: '',
    object: { bucket: files.bucket, name: `job-1-${i}.png`, bytes },
  }));
  for (const { object } of images) await files.put(object.name, new Uint8Array(object.bytes).fill(7));
  return { record: { ...RECORD, result: result('job-1', images) }, files };
}

describe('replies — pictures', () => {
  it('stand in a message while all of them fit', async () => {
    const { record, files } = await finished(100_000, 200_000);
    const { images } = await messageReply(record, files);
    expect(images.map(({ b64_json }) => Buffer.from(b64_json!, 'base64').byteLength)).toEqual([100_000, 200_000]);
    expect(images.map(({ object }) => object)).toEqual([undefined, undefined]);
  });

  it('are named, every one, when together they are too large for a message', async () => {
    const { record, files } = await finished(200_000, 200_000);
    const reply = await messageReply(record, files);
    expect(reply).toEqual(record.result);
    expect(Buffer.byteLength(JSON.stringify(reply))).toBeLessThan(1000);
  });

  it('that are gone after a day are UNKNOWN_JOB', async () => {
    const { record } = await finished(10);
    expect((await failure(messageReply(record, new MemoryResultStore()))).code).toBe('UNKNOWN_JOB');
  });
});

describe('replies — a job without a result', () => {
  it('is answered by its error', async () => {
    const error = { code: 'LORA_MISMATCH', message: 'does not fit', details: { lora: 'style' } };
    const record: JobRecord = { ...RECORD, state: 'failed', error };
    expect(await failure(messageReply(record, new MemoryResultStore()))).toMatchObject(error);
  });
});
