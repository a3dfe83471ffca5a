/** Kinds of fields that several parts of a request have. */
import { z } from 'zod';
import { MAX_SEED, MAX_SIDE, MIN_SIDE, SIDE_MULTIPLE } from './limits.ts';

/** Pixels along one side of a picture that is made. */
export const Side = z
  .number()
  .int()
  .min(MIN_SIDE)
  .max(MAX_SIDE)
  .multipleOf(SIDE_MULTIPLE, `must be a multiple of ${SIDE_MULTIPLE}`);

/** What a picture's noise is drawn from. */
export const Seed = z.number().int().min(0).max(MAX_SEED);

/**
 * Base64 or a data URL: PNG, JPEG, WebP, AVIF or GIF. Or `object:<name>`, a file that the caller has put into the object
 * store `LATENTMESH_RESULTS`: for what is larger than a NATS message. Its size has a limit of its own, IMAGE_TOO_LARGE.
 */
export const ImageSource = z.string().min(1);
