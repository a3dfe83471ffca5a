import { describe, expect, it } from 'vitest';
import { UNET } from '#test/unit/graph/stable-diffusion-15.ts';
import { checkModelNeeds } from '../../../services/gateway/model-needs.ts';
import { timeIdsOf } from '../../../services/gateway/size-conditioning.ts';

const INPAINTING = { ...UNET, inChannels: 9 };
const HIRES = { scale: 2 } as never;

describe('an inpainting model — at the door', () => {
  it.each([
    ['without a picture', {}, 'mask_image'],
    ['with a second run', { mask_image: 'x', hires: HIRES }, 'hires'],
  ])('is refused %s, with what it needs', (_, request, path) => {
    expect(() => checkModelNeeds(request, INPAINTING)).toThrowError(
      expect.objectContaining({
        code: 'UNSUPPORTED_OPTION',
        message: expect.stringContaining('init_image with mask_image'),
        details: { path },
      }),
    );
  });

  it('takes a mask; other models take what they are given', () => {
    expect(() => checkModelNeeds({ mask_image: 'x' }, INPAINTING)).not.toThrow();
    expect(() => checkModelNeeds({ hires: HIRES }, UNET)).not.toThrow();
    expect(() => checkModelNeeds({}, UNET)).not.toThrow();
  });
});

describe('sizes — as SDXL and its refiner are told', () => {
  const config = { projectionDim: 1280 };
  const told = (sizes: number) =>
    ({
      unet: { ...UNET, added: { width: 1280 + sizes * 256, sizeWidth: 256 } },
      textEncoders: [{ config }],
    }) as never;
  const job = { height: 768, width: 1024 };

  it('are those of the picture unless the request has others', () => {
    const ids = [768, 1024, 0, 0, 768, 1024];
    expect(timeIdsOf(job, told(6))).toEqual({ time_ids: ids, negative_time_ids: ids });
    const fields = {
      original_size: [512, 512] as [number, number],
      negative_target_size: [64, 64] as [number, number],
    };
    expect(timeIdsOf({ ...job, ...fields }, told(6))).toEqual({
      time_ids: [512, 512, 0, 0, 768, 1024],
      negative_time_ids: [512, 512, 0, 0, 64, 64],
    });
  });

  it('end in a score for the refiner, of its own for each half', () => {
    expect(timeIdsOf(job, told(5))).toEqual({
      time_ids: [768, 1024, 0, 0, 6],
      negative_time_ids: [768, 1024, 0, 0, 2.5],
    });
  });

  it('are nothing for a model that is told of none', () => {
    expect(timeIdsOf(job, { unet: UNET, textEncoders: [{ config }] } as never)).toEqual({});
  });
});
