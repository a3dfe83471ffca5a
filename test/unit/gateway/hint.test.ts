import { describe, expect, it } from 'vitest';
import { decodeImage } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { MemoryResultStore } from '#test/contract/bus/memory-stores.ts';
import { type HintSource, makeHint, readHint } from '../../../services/gateway/hint.ts';

const TARGET = { path: 'controlnets.0.image', width: 32, height: 16 };
const CANNY: Omit<HintSource, 'image'> = {
  preprocessor: 'canny',
  resize_mode: 'stretch',
  canny_low: 100,
  canny_high: 200,
  threshold: 127,
  downsampling: 1,
};

/** Left half red, right half blue. */
async function photo(width: number, height: number): Promise<Uint8Array> {
  const pixels = Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? [255, 0, 0] : [0, 0, 255]));
  return encodePng(tensor('u8', [height, width, 3], Uint8Array.from(pixels.flat())));
}

async function hintOf(source: HintSource, files = new MemoryResultStore()): Promise<Picture> {
  return decodeImage(await makeHint(source, TARGET, files), 'hint');
}

describe('hint — from a picture', () => {
  it('without a preprocessor is the picture itself', async () => {
    const image = Buffer.from(await photo(32, 16)).toString('base64');
    const hint = await hintOf({ ...CANNY, image, preprocessor: 'none' });
    expect(hint.shape).toEqual([16, 32, 3]);
    expect([...hint.data.slice(0, 3), ...hint.data.slice(-3)]).toEqual([255, 0, 0, 0, 0, 255]);
  });

  it('by canny is white where the edges are, and black elsewhere', async () => {
    const image = Buffer.from(await photo(32, 16)).toString('base64');
    const { shape, data } = await hintOf({ ...CANNY, image });
    expect(shape).toEqual([16, 32, 3]);
    const whiteColumns = Array.from({ length: 32 }, (_, x) => x).filter((x) => data[(8 * 32 + x) * 3] === 255);
    expect(whiteColumns).toHaveLength(1);
    expect([15, 16]).toContain(whiteColumns[0]);
  });

  it('of another size is brought to that of the job', async () => {
    const image = `data:image/png;base64,${Buffer.from(await photo(64, 64)).toString('base64')}`;
    expect((await hintOf({ ...CANNY, image, preprocessor: 'none' })).shape).toEqual([16, 32, 3]);
  });

  it('in the object store is read from there', async () => {
    const files = new MemoryResultStore();
    await files.put('photo.png', await photo(32, 16));
    expect((await hintOf({ ...CANNY, image: 'object:photo.png' }, files)).shape).toEqual([16, 32, 3]);
  });

  it.each(['object:', 'object:../secrets', 'object:a b', 'object:nothing.png'])(
    '%s names no picture',
    async (image) => {
      const error = await failure(hintOf({ ...CANNY, image }));
      expect(error).toMatchObject({ code: 'INVALID_IMAGE', details: { path: TARGET.path } });
    },
  );
});

describe('hint — for the networks', () => {
  it('is planes of red, green and blue, u8 [1, 3, H, W]', async () => {
    const { shape, data } = await readHint(await photo(4, 2));
    expect(shape).toEqual([1, 3, 2, 4]);
    expect([...data]).toEqual(
      [
        [255, 255, 0, 0, 255, 255, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 255, 255, 0, 0, 255, 255],
      ].flat(),
    );
  });
});
