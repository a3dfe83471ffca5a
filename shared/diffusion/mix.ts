/** The one loop over latents that samplers share: every step of every sampler is a weighted sum of a few arrays. */

/** A weight and the array it applies to. */
export type Term = readonly [weight: number, values: Float32Array];

/** Weighted sum of arrays of one length, added up in double precision, into a new array. */
export function mix(...terms: readonly Term[]): Float32Array {
  const weights = terms.map(([weight]) => weight);
  const arrays = terms.map(([, values]) => values);
  const out = new Float32Array(arrays[0]?.length ?? 0);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let k = 0; k < arrays.length; k++) sum += weights[k]! * arrays[k]![i]!;
    out[i] = sum;
  }
  return out;
}

/** Limits values to ±range, in place. */
export function clamp(values: Float32Array, range: number): Float32Array {
  for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(values[i]!, -range), range);
  return values;
}
