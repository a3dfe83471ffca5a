import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodePng, PARAMETERS_KEYWORD } from '#shared/image/png.ts';
import { MAX_PNG_TEXT_BYTES, readPngText } from '#shared/image/png-text.ts';
import { tensor } from '#shared/tensor/tensor.ts';

const picture = tensor(
  'u8',
  [5, 7, 3],
  Uint8Array.from({ length: 105 }, (_, i) => (i * 37) % 256),
);
const invalid = expect.objectContaining({ code: 'INVALID_IMAGE' });

/** A PNG with these chunks before IEND, each with a right CRC. */
function pngOf(...chunks: [type: string, data: Buffer][]): Buffer {
  const parts = [...chunks, ['IEND', Buffer.alloc(0)] as const].map(([type, data]) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  });
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

describe('png — encoding', () => {
  it('gives back every pixel in another decoder', async () => {
    const { data, info } = await sharp(await encodePng(picture))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.height, info.width, info.channels]).toEqual([5, 7, 3]);
    expect(new Uint8Array(data)).toEqual(picture.data);
  });

  it('writes a grey picture as RGB', async () => {
    const png = await encodePng(tensor('u8', [1, 2, 1], Uint8Array.of(3, 250)));
    expect([...(await sharp(png).raw().toBuffer())]).toEqual([3, 3, 3, 250, 250, 250]);
  });

  it.each([
    ['tEXt', 'a cat, café\nSteps: 20'],
    ['iTXt', '猫 🐈, “curly”'],
    ['tEXt', ''],
  ])('puts text in %s and reads it back', async (type, text) => {
    const png = await encodePng(picture, { [PARAMETERS_KEYWORD]: text });
    expect(Buffer.from(png).includes(`${type}parameters\0`, 0, 'latin1')).toBe(true);
    expect(readPngText(png)).toEqual(new Map([['parameters', text]]));
  });

  it('writes text that another reader finds', async () => {
    const png = await encodePng(picture, { parameters: 'a cat', notes: '猫' });
    expect((await sharp(png).metadata()).comments).toEqual([
      { keyword: 'parameters', text: 'a cat' },
      { keyword: 'notes', text: '猫' },
    ]);
  });

  it('leaves NUL out of text', async () => {
    expect(readPngText(await encodePng(picture, { parameters: 'a\0b' })).get('parameters')).toBe('ab');
  });

  it.each(['', ' led', 'trailed ', 'new\nline', 'x'.repeat(80), '猫'])('refuses the keyword %j', async (keyword) => {
    await expect(encodePng(picture, { [keyword]: 'x' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });
});

describe('png — reading text', () => {
  it('reads compressed text', () => {
    const packed = deflateSync(Buffer.from('a cat'));
    const png = pngOf(
      ['zTXt', Buffer.concat([Buffer.from('old\0\0'), packed])],
      ['iTXt', Buffer.concat([Buffer.from('new\0\x01\0en\0neu\0'), packed])],
    );
    expect(Object.fromEntries(readPngText(png))).toEqual({ old: 'a cat', new: 'a cat' });
  });

  it('keeps the first of equal keywords', () => {
    expect(readPngText(pngOf(['tEXt', Buffer.from('k\0one')], ['tEXt', Buffer.from('k\0two')])).get('k')).toBe('one');
  });

  it('refuses a file cut off at any byte', async () => {
    const png = await encodePng(picture, { parameters: 'a cat', notes: '猫' });
    for (let length = 0; length < png.length - 4; length++) {
      expect(() => readPngText(png.subarray(0, length)), `cut at ${length}`).toThrowError(invalid);
    }
  });

  it('refuses a damaged text', () => {
    const png = pngOf(['tEXt', Buffer.from('k\0text')]);
    png[png.indexOf('text')] = 0x21;
    expect(() => readPngText(png)).toThrowError(/CRC/);
  });

  it('refuses a text that inflates without end', () => {
    const bomb = deflateSync(Buffer.alloc(MAX_PNG_TEXT_BYTES + 1, 'a'));
    expect(() => readPngText(pngOf(['zTXt', Buffer.concat([Buffer.from('k\0\0'), bomb])]))).toThrowError(invalid);
  });

  it.each<[string, Buffer]>([
    ['a chunk longer than the file', Buffer.from('89504e470d0a1a0affffffff74455874', 'hex')],
    ['no keyword', pngOf(['tEXt', Buffer.from('\0x')])],
    ['no separator', pngOf(['iTXt', Buffer.from('k\0\0\0en')])],
    [
      'a text over the limit',
      pngOf(['tEXt', Buffer.concat([Buffer.from('k\0'), Buffer.alloc(MAX_PNG_TEXT_BYTES + 1)])]),
    ],
    [
      'texts over the limit together',
      pngOf(
        ...Array.from(
          { length: 5 },
          (_, i) =>
            ['tEXt', Buffer.concat([Buffer.from(`${i}\0`), Buffer.alloc(MAX_PNG_TEXT_BYTES)])] as [string, Buffer],
        ),
      ),
    ],
    ['another format', Buffer.from('GIF89a')],
  ])('refuses %s', (_, bytes) => {
    expect(() => readPngText(bytes)).toThrowError(invalid);
  });
});
