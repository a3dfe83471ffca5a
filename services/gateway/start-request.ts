/** Where an accepted job starts, as fields of the request that would make it again, with the pictures as they were finished. */
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { storedImage } from '#shared/contracts/stored-image.ts';
import type { AdmittedStart } from './admitted-start.ts';
import type { AdmittedJob } from './job.ts';

/** Blur, inversion and what was continued are in the pictures by now. */
export function startRequestOf({
  start,
  hires,
  variation,
}: Pick<AdmittedJob, 'start' | 'hires' | 'variation'>): Partial<GenerateInput> {
  return {
    ...(start && pictureFields(start)),
    ...(hires && { hires }),
    ...(variation && variation.strength > 0 && { subseed: variation.subseeds[0]! }),
    ...(variation && { subseed_strength: variation.strength }),
    ...(variation?.from && { seed_resize_from: variation.from }),
  };
}

function pictureFields({ image, mask, strength }: AdmittedStart): Partial<GenerateInput> {
  if (!mask) return { init_image: storedImage(image), strength };
  const { around, inpaint_fill, inpaint_full_res_padding: padding } = mask;
  return {
    init_image: storedImage(around?.picture ?? image),
    strength,
    mask_image: storedImage(around?.mask ?? mask.image),
    mask_blur: 0,
    inpaint_fill,
    ...(!around && { keep_unmasked: false }),
    ...(padding !== undefined && { inpaint_full_res: true, inpaint_full_res_padding: padding }),
  };
}
