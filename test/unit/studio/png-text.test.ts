import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { readPngText } from '../../../services/studio/state/png-text.ts';

const PIXEL = tensor('u8', [1, 1, 3], new Uint8Array(3));

/** Two chunks before the end are enough: the reader looks at text alone. */
function pngWith(type: string, data: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  chunk.set(data, 8);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk]);
}

describe('studio — the text of a PNG', () => {
  it.each(['a red boat\nSteps: 20', 'ein rotes Boot — 船'])('reads what the mesh wrote: %j', async (text) => {
    const png = await encodePng(PIXEL, { parameters: text });
    expect(await readPngText(png, 'parameters')).toBe(text);
    expect(await readPngText(png, 'other')).toBeUndefined();
  });

  it('reads compressed text', async () => {
    const data = Buffer.concat([Buffer.from('parameters\0\0'), deflateSync('a boat')]);
    expect(await readPngText(pngWith('zTXt', data), 'parameters')).toBe('a boat');
  });

  it('bounds what a small file unpacks to', async () => {
    const data = Buffer.concat([Buffer.from('parameters\0\0'), deflateSync(Buffer.alloc(64 << 20, 'a'))]);
    expect((await readPngText(pngWith('zTXt', data), 'parameters'))!.length).toBeLessThanOrEqual(1 << 20);
  });

  it('finds nothing in what is no PNG, or breaks off anywhere', async () => {
    expect(await readPngText(new Uint8Array([1, 2, 3]), 'parameters')).toBeUndefined();
    const png = await encodePng(PIXEL, { parameters: 'x'.repeat(30) });
    const end = Buffer.from(png).indexOf('IDAT');
    for (let length = 0; length < end - 8; length++) {
      const text = await readPngText(png.subarray(0, length), 'parameters');
      expect(text === undefined || text === 'x'.repeat(30)).toBe(true);
    }
  });
});
