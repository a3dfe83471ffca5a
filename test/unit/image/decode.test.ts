import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeBase64Image, decodeImage, MAX_IMAGE_FILE_BYTES, MAX_IMAGE_PIXELS } from '#shared/image/decode.ts';
import { encodePng } from '#shared/image/png.ts';
import { resizeTo } from '#shared/image/resize.ts';
import { tensor } from '#shared/tensor/tensor.ts';

const SKY = [48, 160, 240];
const sky = (height = 24, width = 40): Sharp =>
  sharp({ create: { width, height, channels: 3, background: { r: 48, g: 160, b: 240 } } });
const noise = tensor(
  'u8',
  [32, 48, 3],
  Uint8Array.from({ length: 32 * 48 * 3 }, (_, i) => (i * 7919) % 251),
);
const noiseFile = (): Sharp => sharp(noise.data, { raw: { width: 48, height: 32, channels: 3 } });
const firstPixel = async (bytes: Uint8Array): Promise<number[]> => [...(await decodeImage(bytes)).data.subarray(0, 3)];

/** Every channel within `levels` of what is wanted: lossy formats and colour profiles round. */
function expectNear(got: readonly number[], want: readonly number[], levels: number): void {
  expect(Math.max(...want.map((value, i) => Math.abs(value - got[i]!))), `got ${got.join(', ')}`).toBeLessThanOrEqual(
    levels,
  );
}

describe('decode — pictures', () => {
  it.each(['png', 'jpeg', 'webp', 'avif', 'gif'] as const)('reads %s', async (format) => {
    const picture = await decodeImage(await sky().toFormat(format).toBuffer());
    expect(picture.shape).toEqual([24, 40, 3]);
    expectNear([...picture.data.subarray(0, 3)], SKY, 3);
  });

  it('reads our own PNG bit by bit', async () => {
    expect(await decodeImage(await encodePng(noise))).toEqual(noise);
  });

  it('puts transparency on white, not on what is stored behind it', async () => {
    const background = { r: 0, g: 0, b: 0, alpha: 0 };
    const png = await sharp({ create: { width: 4, height: 4, channels: 4, background } })
      .png()
      .toBuffer();
    expect(await firstPixel(png)).toEqual([255, 255, 255]);
  });

  it('turns a picture upright', async () => {
    const jpeg = await sky(24, 40).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect((await decodeImage(jpeg)).shape).toEqual([40, 24, 3]);
  });

  it('brings another colour space to sRGB', async () => {
    const p3 = await sky().withIccProfile('p3').png().toBuffer();
    const stored = await sharp(p3, { ignoreIcc: true }).raw().toBuffer();
    expect([...stored.subarray(0, 3)]).not.toEqual(SKY);
    expectNear(await firstPixel(p3), SKY, 1);
  });

  it.each([
    ['grey', sky().greyscale().png()],
    ['16-bit', sky().toColourspace('rgb16').png()],
    ['palette', sky().png({ palette: true })],
    ['CMYK', sky().toColourspace('cmyk').jpeg()],
  ])('gives three channels of eight bits for %s', async (_, file) => {
    expect((await decodeImage(await file.toBuffer())).shape).toEqual([24, 40, 3]);
  });
});

describe('decode — refusals', () => {
  it('refuses too many pixels before decoding them, naming field and limit', async () => {
    const side = Math.ceil(Math.sqrt(MAX_IMAGE_PIXELS)) + 1;
    const header = Buffer.from(await encodePng(tensor('u8', [1, 1, 3], new Uint8Array(3))));
    const huge = withPngSize(header, side);
    await expect(decodeImage(huge, 'init_image')).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      details: { path: 'init_image', pixels: side * side, limit: MAX_IMAGE_PIXELS },
    });
  });

  it('refuses too many bytes', async () => {
    const bytes = new Uint8Array(MAX_IMAGE_FILE_BYTES + 1);
    await expect(decodeImage(bytes)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
    const base64 = 'A'.repeat(Math.ceil(MAX_IMAGE_FILE_BYTES / 3) * 4 + 8);
    await expect(decodeBase64Image(base64)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
  });

  it.each(['png', 'jpeg', 'webp', 'avif', 'gif'] as const)(
    'refuses a cut off %s instead of guessing the rest',
    async (format) => {
      const whole = await noiseFile().toFormat(format).toBuffer();
      for (const share of [0.02, 0.3, 0.6, 0.9]) {
        const cut = whole.subarray(0, Math.floor(whole.length * share));
        await expect(decodeImage(cut), `${share}`).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
      }
    },
  );

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('not a picture')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
  ])('refuses %s', async (_, bytes) => {
    await expect(decodeImage(bytes, 'mask')).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: expect.stringContaining('mask is no readable picture: it does not begin like one'),
    });
  });
});

describe('decode — base64', () => {
  it('reads base64 and data URLs', async () => {
    const base64 = Buffer.from(await encodePng(noise)).toString('base64');
    expect(await decodeBase64Image(base64)).toEqual(noise);
    expect(await decodeBase64Image(`data:image/png;base64,${base64}`)).toEqual(noise);
  });

  it.each(['', 'abc', 'ab=c', '!!!!', 'iVBO\nRw0K', 'data:image/png,iVBO', 'https://example.com/a.png'])(
    'refuses %j with the path of the field',
    async (text) => {
      await expect(decodeBase64Image(text, 'controlnets[1].image')).rejects.toMatchObject({
        code: 'INVALID_IMAGE',
        details: { path: 'controlnets[1].image' },
      });
    },
  );
});

describe('resize — to a size', () => {
  it('fills exactly the size asked for, proportions or not', async () => {
    expect((await resizeTo(noise, 16, 64)).shape).toEqual([16, 64, 3]);
  });

  it('keeps grey grey', async () => {
    const grey = tensor('u8', [8, 8, 1], new Uint8Array(64).fill(77));
    expect(await resizeTo(grey, 4, 4)).toEqual(tensor('u8', [4, 4, 1], new Uint8Array(16).fill(77)));
  });

  it('does not touch a picture of the right size', async () => {
    expect(await resizeTo(noise, 32, 48)).toBe(noise);
  });
});

/** The PNG with another width and height in its header, and the CRC to it. */
function withPngSize(png: Buffer, side: number): Buffer {
  const out = Buffer.from(png);
  out.writeUInt32BE(side, 16);
  out.writeUInt32BE(side, 20);
  out.writeUInt32BE(crc32(out.subarray(12, 29)), 29);
  return out;
}
