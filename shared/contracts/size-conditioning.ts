/** What SDXL is told of the picture, as in Diffusers, in pixels; other models take none of it. */
import { z } from 'zod';
import { MAX_CONDITIONED_SIDE } from './limits.ts';

const Pixels = z.number().int().min(0).max(MAX_CONDITIONED_SIDE);
const Size = z.tuple([Pixels, Pixels]);
const Score = z.number().min(0).max(10);

/** The fields of a request. */
export const SIZE_CONDITIONING = {
  /** [height, width] of the picture before it was cropped; the size of the job by default. Smaller ones look enlarged. */
  original_size: Size.optional(),
  /** [top, left] of the crop; [0, 0], a well-centred picture, by default. */
  crops_coords_top_left: Size.optional(),
  /** [height, width]; the size of the job by default. */
  target_size: Size.optional(),
  negative_original_size: Size.optional(),
  negative_crops_coords_top_left: Size.optional(),
  negative_target_size: Size.optional(),
  /** Of SDXL's refiner, in place of the target size; 6 and 2.5 by default. */
  aesthetic_score: Score.optional(),
  negative_aesthetic_score: Score.optional(),
} as const;
