/**
 * Classifier-free guidance.
 * Source: Ho and Salimans 2022, eq. 6, in the form unconditional + scale · (conditional − unconditional).
 */
import { MeshError } from '#shared/errors/errors.ts';

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

function requireSameLength(unconditional: Float32Array, conditional: Float32Array, out: Float32Array): void {
  if (unconditional.length === conditional.length && out.length === conditional.length) return;
  const lengths = { unconditional: unconditional.length, conditional: conditional.length, out: out.length };
  throw new MeshError('WRONG_SHAPE', `Guidance needs halves of one length: ${JSON.stringify(lengths)}.`, lengths);
}
