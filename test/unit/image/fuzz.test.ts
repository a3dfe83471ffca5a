import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '#shared/image/decode.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { encodePng, PNG_SIGNATURE } from '#shared/image/png.ts';
import { readPngText } from '#shared/image/png-text.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { fuzz, refusal } from '#test/fuzz.ts';

const NOISE = tensor(
  'u8',
  [12, 10, 3],
  Uint8Array.from({ length: 360 }, (_, i) => (i * 7919) % 251),
);
const INFOTEXT =
  'a cat <lora:sketch:0.5>\nNegative prompt: rain\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, ' +
  'Seed: 1, Size: 512x512, Model: sd15, ControlNet 0: "Module: canny, Model: x, Weight: 1", Version: v1';

describe('fuzz — pictures', () => {
  it('2000 damaged PNGs give their texts, or are refused', async () => {
    const png = await encodePng(NOISE, { parameters: INFOTEXT, notes: '猫'.repeat(20) });
    await fuzz(2000, (random) => expectOrderly(() => readPngText(random.damage(png))));
  });

  it('so are 2000 with damaged texts and right checksums', async () => {
    const zipped = deflateSync('a cat '.repeat(50));
    const texts: readonly (readonly [string, Buffer])[] = [
      ['tEXt', Buffer.from('parameters\0a cat')],
      ['zTXt', Buffer.concat([Buffer.from('parameters\0\0'), zipped])],
      ['iTXt', Buffer.concat([Buffer.from('parameters\0\x01\0en\0parameters\0'), zipped])],
    ];
    await fuzz(2000, (random) => {
      const [type, text] = random.pick(texts);
      const png = Buffer.concat([PNG_SIGNATURE, chunk(type, random.damage(text)), chunk('IEND', Buffer.alloc(0))]);
      return expectOrderly(() => readPngText(png));
    });
  });

  it.each([
    ['png', 800],
    ['jpeg', 800],
    ['webp', 300],
    ['gif', 300],
    ['avif', 100],
  ] as const)('damaged %s files are pictures, or refused', async (format, rounds) => {
    const file = await sharp(NOISE.data, { raw: { width: 10, height: 12, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    await fuzz(rounds, (random) =>
      expectOrderly(async () => {
        const { shape, data } = await decodeImage(random.damage(file));
        expect([shape[2], data.length]).toEqual([3, shape[0]! * shape[1]! * 3]);
      }),
    );
  });

  it('2000 damaged texts of parameters are read as far as they go', async () => {
    await fuzz(2000, (random) => {
      const text = Buffer.from(random.damage(Buffer.from(INFOTEXT))).toString('utf8');
      return expectOrderly(() => expect(typeof parseInfotext(text).prompt).toBe('string'));
    });
  });
});

/** Codes that bytes of the outside world may end in. */
const REFUSALS = ['INVALID_IMAGE', 'IMAGE_TOO_LARGE', 'INVALID_REQUEST'];

async function expectOrderly(run: () => unknown): Promise<void> {
  const error = await refusal(run);
  if (error) expect(REFUSALS).toContain(error.code);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, checksum] = [data.length, crc32(body)].map((value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  });
  return Buffer.concat([length!, body, checksum!]);
}
