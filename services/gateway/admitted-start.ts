/** What a job keeps of where it starts: pictures by their names in the object store, and settings with every default filled in. */
import { z } from 'zod';
import { HiresUpscaler, InpaintFill, Outpaint, ResizeMode } from '#shared/contracts/start.ts';

const Region = z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() });

/** How a part of the picture is painted anew. */
const AdmittedMask = z.object({
  /** PNG, grey, of the job's size: white is painted. */
  image: z.string(),
  mask_blur: z.number(),
  mask_invert: z.boolean(),
  inpaint_fill: InpaintFill,
  /** Pixels; only with `inpaint_full_res`. */
  inpaint_full_res_padding: z.number().optional(),
  /** What the result is put into: PNGs of one size. Without it the result stays as the networks made it. */
  around: z.object({ picture: z.string(), mask: z.string(), region: Region }).optional(),
});
/** How a part of the picture is painted anew. */
export type AdmittedMask = z.infer<typeof AdmittedMask>;

/** The picture that a job starts from. */
export const AdmittedStart = z.object({
  /** PNG of the job's size. */
  image: z.string(),
  strength: z.number(),
  resize_mode: ResizeMode,
  outpaint: Outpaint.optional(),
  mask: AdmittedMask.optional(),
});
export type AdmittedStart = z.infer<typeof AdmittedStart>;

/** The second, larger run of a job. */
export const AdmittedHires = z.object({
  width: z.number(),
  height: z.number(),
  /** That it makes. */
  steps: z.number(),
  strength: z.number(),
  upscaler: HiresUpscaler,
});
export type AdmittedHires = z.infer<typeof AdmittedHires>;

/** Whose noise a job's noise is mixed of. */
export const AdmittedVariation = z.object({
  strength: z.number(),
  /** One for each picture. */
  subseeds: z.array(z.number()),
  from: z.object({ width: z.number(), height: z.number() }).optional(),
});
