/** The end of a run by another UNet, SDXL's refiner, which a mesh may have beside its model. */
import { z } from 'zod';

/** The field of a request. */
export const Refiner = z.strictObject({
  /** Its name; a mesh has one at most, so it may be left out. */
  model: z.string().min(1).max(4096).optional(),
  /** Part of the noise's way after which it goes on in the place of the model, as a fraction; Diffusers' `denoising_end` of the base. */
  denoising_start: z.number().gt(0).lt(1).default(0.8),
});
export type Refiner = z.infer<typeof Refiner>;
