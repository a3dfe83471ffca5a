/**
 * Classifier-free guidance.
 * Source: Ho and Salimans 2022, eq. 6, in the form unconditional + scale · (conditional − unconditional).
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';

/** Whether a job has an unconditional half: not at a scale of 1 and below, and not for a UNet that reads the scale itself. */
export function isGuided(scale: number, { guidanceWidth }: Pick<UnetConfig, 'guidanceWidth'>): boolean {
  return scale > 1 && guidanceWidth === undefined;
}

/**
 * Joins the two predictions into one.
 *
 * unconditional, conditional   f32 [B, C, h, w]
 * scale                        1 is the conditional prediction alone
 * out                          same shape; may be one of the inputs
 * @throws MeshError WRONG_SHAPE when lengths differ.
 */
export function applyGuidance(
  unconditional: Float32Array,
  conditional: Float32Array,
  scale: number,
  out: Float32Array = new Float32Array(conditional.length),
): Float32Array {
  requireSameLength(unconditional, conditional, out);
  for (let i = 0; i < out.length; i++) {
    const base = unconditional[i]!;
    out[i] = base + scale * (conditional[i]! - base);
  }
  return out;
}

/**
 * The same on one run of both: the unconditional half comes first.
 *
 * batch     f32 [2B, C, h, w]
 * returns   f32 [B, C, h, w]
 * @throws MeshError WRONG_SHAPE when the batch has no two halves.
 */
export function applyGuidanceToHalves(batch: Float32Array, scale: number, out?: Float32Array): Float32Array {
  const half = Math.ceil(batch.length / 2);
  return applyGuidance(batch.subarray(0, half), batch.subarray(half), scale, out);
}

/**
 * Brings guided noise back towards the deviation of the conditional prediction, picture by picture: strong guidance makes it
 * too large, and the picture overexposed.
 *
 * guided, conditional   f32 [B, C, h, w]; `guided` is overwritten and returned
 * share                 0 leaves it as it is, 1 gives it the whole deviation of the conditional one
 * Source: Lin et al. 2023, eq. 15 and 16; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/pipelines/stable_diffusion/pipeline_stable_diffusion.py `rescale_noise_cfg`
 */
export function rescaleGuidance(
  guided: Float32Array,
  conditional: Float32Array,
  share: number,
  batch: number,
): Float32Array {
  if (share === 0) return guided;
  const count = guided.length / batch;
  for (let start = 0; start < guided.length; start += count) {
    const picture = guided.subarray(start, start + count);
    const wanted = deviation(conditional.subarray(start, start + count));
    const factor = 1 - share + (share * wanted) / deviation(picture);
    for (let i = 0; i < count; i++) picture[i] = picture[i]! * factor;
  }
  return guided;
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

function requireSameLength(unconditional: Float32Array, conditional: Float32Array, out: Float32Array): void {
  if (unconditional.length === conditional.length && out.length === conditional.length) return;
  const lengths = { unconditional: unconditional.length, conditional: conditional.length, out: out.length };
  throw new MeshError('WRONG_SHAPE', `Guidance needs halves of one length: ${JSON.stringify(lengths)}.`, lengths);
}
