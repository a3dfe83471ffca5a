import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSafetensors, readTensor } from '#shared/checkpoint/safetensors.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { f32, tensor } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';

const folder = await temporaryFolder();

interface RawFile {
  readonly header: string | Uint8Array;
  readonly dataBytes?: number;
  /** What stands in front of the header instead of its length. */
  readonly claimedLength?: bigint;
}

let files = 0;

async function writeRaw({ header, dataBytes = 0, claimedLength }: RawFile): Promise<string> {
  const path = join(folder, `raw-${files++}.safetensors`);
  const body = Buffer.from(header as string);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimedLength ?? BigInt(body.length));
  await writeFile(path, Buffer.concat([length, body, Buffer.alloc(dataBytes)]));
  return path;
}

const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32'): object => ({
  dtype,
  shape,
  data_offsets: offsets,
});

describe('safetensors — round trip', () => {
  it('safetensors — every dtype comes back with name, shape, bytes and metadata', async () => {
    const path = join(folder, 'round-trip.safetensors');
    const tensors = {
      bytes: tensor('u8', [3], Uint8Array.of(1, 2, 3)),
      matrix: f32([2, 2], Float32Array.of(1, -2, 3.5, 4)),
      halves: tensor('f16', [2], Uint16Array.of(0x3c00, 0xc000)),
      brains: tensor('bf16', [1], Uint16Array.of(0x3f80)),
      long: tensor('i64', [], BigInt64Array.of(-7n)),
      nothing: f32([0, 4]),
    };
    await writeSafetensors(path, tensorsToWrite(tensors), { purpose: 'test' });
    const file = await openSafetensors(path);
    expect(file.metadata).toEqual({ purpose: 'test' });
    expect([...file.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, want] of Object.entries(tensors)) expect(await readTensor(file, name)).toEqual(want);
  });

  it('safetensors — every tensor is aligned to its own element size', async () => {
    const path = join(folder, 'aligned.safetensors');
    const odd = { a: tensor('u8', [3], new Uint8Array(3)), b: tensor('i64', [1], new BigInt64Array(1)), c: f32([1]) };
    await writeSafetensors(path, tensorsToWrite(odd));
    const { tensors } = await openSafetensors(path);
    expect(tensors.get('b')!.offset % 8).toBe(0);
    expect(tensors.get('c')!.offset % 4).toBe(0);
  });

  it('safetensors — metadata may be as long as trainers make it', async () => {
    const path = join(folder, 'talkative.safetensors');
    const metadata = { ss_tag_frequency: JSON.stringify(Array(200_000).fill('1girl, "quoted"')) };
    await writeSafetensors(path, tensorsToWrite({ x: f32([1]) }), metadata);
    expect((await openSafetensors(path)).metadata).toEqual(metadata);
  });

  it('safetensors — a file that shrank after it was opened is reported, not read as zeros', async () => {
    const path = join(folder, 'shrinking.safetensors');
    await writeSafetensors(path, tensorsToWrite({ x: f32([64]) }));
    const file = await openSafetensors(path);
    await writeFile(path, Buffer.alloc(100));
    await expect(readTensor(file, 'x')).rejects.toMatchObject({ code: 'SAFETENSORS_INVALID' });
  });
});

describe('safetensors — hostile files are refused with file and tensor', () => {
  const hostile: Record<string, RawFile & { reason: RegExp }> = {
    'an empty header': { header: '', reason: /no JSON/ },
    'a header that is no object': { header: '[1]', reason: /no JSON object/ },
    'space before the object': { header: ' {}', reason: /no JSON object/ },
    'invalid UTF-8': { header: Uint8Array.of(0x7b, 0xff, 0x7d), reason: /no JSON/ },
    'a header longer than the file': { header: '{}', claimedLength: 1000n, reason: /header length of 1000/ },
    'a header length that overflows': { header: '{}', claimedLength: 2n ** 64n - 1n, reason: /header length/ },
    'a name given twice': {
      header:
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      dataBytes: 4,
      reason: /"a" occurs twice/,
    },
    'a field given twice': {
      header: '{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,4]}}',
      dataBytes: 4,
      reason: /"dtype" occurs twice/,
    },
    'an entry that is no object': { header: '{"x":3}', reason: /x: its entry/ },
    'an unknown dtype': {
      header: json({ x: entry([1], [0, 1], 'F8_E4M3') }),
      dataBytes: 1,
      reason: /x: dtype "F8_E4M3"/,
    },
    'a dtype from Object.prototype': {
      header: json({ x: entry([1], [0, 4], 'toString') }),
      dataBytes: 4,
      reason: /dtype/,
    },
    'a negative dim': { header: json({ x: entry([-1], [0, 4]) }), dataBytes: 4, reason: /x: shape/ },
    'a fractional dim': { header: json({ x: entry([0.5], [0, 2]) }), dataBytes: 2, reason: /x: shape/ },
    'too many dims': { header: json({ x: entry(Array(9).fill(1), [0, 4]) }), dataBytes: 4, reason: /x: shape/ },
    'dims whose product overflows': {
      header: json({ x: entry([2 ** 40, 2 ** 40], [0, 4]) }),
      dataBytes: 4,
      reason: /do not fill/,
    },
    'offsets backwards': { header: json({ x: entry([0], [4, 0]) }), dataBytes: 4, reason: /outside/ },
    'offsets past the end': { header: json({ x: entry([2], [0, 8]) }), dataBytes: 4, reason: /cut off/ },
    'offsets that do not match the shape': {
      header: json({ x: entry([3], [0, 8]) }),
      dataBytes: 8,
      reason: /do not fill/,
    },
    'tensors that overlap': {
      header: json({ x: entry([2], [0, 8]), y: entry([2], [4, 12]) }),
      dataBytes: 12,
      reason: /y overlaps/,
    },
    'a hole between tensors': {
      header: json({ x: entry([1], [0, 4]), y: entry([1], [8, 12]) }),
      dataBytes: 12,
      reason: /y leaves a hole/,
    },
    'bytes that belong to no tensor': {
      header: json({ x: entry([1], [0, 4]) }),
      dataBytes: 8,
      reason: /4 bytes at its end/,
    },
    'metadata that is no text': { header: '{"__metadata__":{"a":1}}', reason: /__metadata__/ },
    'a name without end': {
      header: json({ ['x'.repeat(2000)]: entry([1], [0, 4]) }),
      dataBytes: 4,
      reason: /2000 characters/,
    },
  };

  it.each(Object.entries(hostile))('safetensors — %s', async (_, { reason, ...raw }) => {
    const path = await writeRaw(raw);
    const opened = openSafetensors(path);
    await expect(opened).rejects.toMatchObject({ code: 'SAFETENSORS_INVALID', details: { file: path } });
    await expect(opened).rejects.toThrow(reason);
  });

  it('safetensors — a valid file cut at any byte is refused', async () => {
    const whole = join(folder, 'whole.safetensors');
    await writeSafetensors(whole, tensorsToWrite({ x: f32([2]), y: f32([1]) }));
    const bytes = await readFile(whole);
    const cut = join(folder, 'cut.safetensors');
    for (let length = 0; length < bytes.length; length++) {
      await writeFile(cut, bytes.subarray(0, length));
      await expect(openSafetensors(cut), `${length} of ${bytes.length} bytes`).rejects.toMatchObject({
        code: 'SAFETENSORS_INVALID',
      });
    }
  });

  it('safetensors — a missing file and a folder are named as such', async () => {
    await expect(openSafetensors(join(folder, 'absent'))).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringMatching(/absent does not exist/),
    });
    await expect(openSafetensors(folder)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});

function json(header: object): string {
  return JSON.stringify(header);
}
