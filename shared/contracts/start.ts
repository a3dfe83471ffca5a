/**
 * Where a generation starts when that is not noise alone: from a picture, from a part of one, from a smaller one of its own;
 * and what its noise is mixed of. Every field may be left out; `services/gateway/start-rules.ts` says which need which.
 */
import { z } from 'zod';
import { HIRES_UPSCALERS, INPAINT_FILLS, RESIZE_MODES } from './choices.ts';
import { ImageSource, Seed, Side } from './fields.ts';
import { MAX_MASK_BLUR, MAX_MASK_PADDING, MAX_OUTPAINT, MAX_STEPS, SIDE_MULTIPLE } from './limits.ts';

/** How a picture comes to another size: both sides stretched, cut to the proportions, or its edges continued. */
export const ResizeMode = z.enum(RESIZE_MODES);
export type ResizeMode = z.infer<typeof ResizeMode>;

/** What lies under the mask when the run starts: the picture, its surroundings' colours, noise, or nothing. */
export const InpaintFill = z.enum(INPAINT_FILLS);
export type InpaintFill = z.infer<typeof InpaintFill>;

const Extension = z
  .number()
  .int()
  .min(0)
  .max(MAX_OUTPAINT)
  .multipleOf(SIDE_MULTIPLE, `must be a multiple of ${SIDE_MULTIPLE}`)
  .default(0);

/** Pixels by which a picture is continued on each side. */
export const Outpaint = z
  .strictObject({ left: Extension, right: Extension, top: Extension, bottom: Extension })
  .refine(({ left, right, top, bottom }) => left + right + top + bottom > 0, 'must extend at least one side');
export type Outpaint = z.infer<typeof Outpaint>;

/** How the first picture becomes larger: as latents, or decoded, as pixels, and encoded again. */
export const HiresUpscaler = z.enum(HIRES_UPSCALERS);
export type HiresUpscaler = z.infer<typeof HiresUpscaler>;

/** A second run at a larger size, which starts from the picture of the first. */
export const Hires = z
  .strictObject({
    /** Of both sides, rounded down to a multiple of 8; 2 unless `width` and `height` are given. */
    scale: z.number().gt(1, 'must be above 1').max(4).optional(),
    width: Side.optional(),
    height: Side.optional(),
    /** Steps that the second run makes; those of the first unless given. */
    steps: z.number().int().min(1).max(MAX_STEPS).optional(),
    strength: z.number().gt(0, 'must be above 0').max(1).default(0.7),
    upscaler: HiresUpscaler.default('latent'),
  })
  .refine(({ width, height }) => (width === undefined) === (height === undefined), {
    path: ['width'],
    message: 'and height belong together: give both, or neither',
  })
  .refine(({ scale, width }) => scale === undefined || width === undefined, {
    path: ['scale'],
    message: 'cannot be given beside width and height',
  });
export type Hires = z.infer<typeof Hires>;

/** See the head of this file. */
export const START_FIELDS = {
  /** The picture to start from. Without `width` and `height` the result has its size. */
  init_image: ImageSource.optional(),
  /** Share of the steps that are run, 0 … 1: how far the result may leave the picture. 0.75 unless given. */
  strength: z.number().min(0).max(1).optional(),
  resize_mode: ResizeMode.optional(),
  /** White is painted anew, black is kept. */
  mask_image: ImageSource.optional(),
  /** Deviation of the mask's soft edge, pixels; 4 unless given. */
  mask_blur: z.number().int().min(0).max(MAX_MASK_BLUR).optional(),
  /** Black is painted anew, white is kept. */
  mask_invert: z.boolean().optional(),
  inpaint_fill: InpaintFill.optional(),
  /** Only the surroundings of the mask are generated, at width × height, and put back into the picture at its own size. */
  inpaint_full_res: z.boolean().optional(),
  /** Pixels around the mask that are generated with it; 32 unless given. */
  inpaint_full_res_padding: z.number().int().min(0).max(MAX_MASK_PADDING).optional(),
  /** Whether the result has the very pixels of the picture where the mask is black; true unless given. */
  keep_unmasked: z.boolean().optional(),
  outpaint: Outpaint.optional(),
  hires: Hires.optional(),
  /** The seed of a variation; with several pictures it counts up, and `seed` does not. Left out: drawn at random. */
  subseed: Seed.optional(),
  /** 0 is the picture of `seed`, 1 that of `subseed`. */
  subseed_strength: z.number().min(0).max(1).optional(),
  /** The size at which `seed` gave a picture whose composition is wanted at this size. */
  seed_resize_from: z.strictObject({ width: Side, height: Side }).optional(),
} as const;
