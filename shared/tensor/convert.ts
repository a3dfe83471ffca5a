/** Conversion of stored weights to the f32 that the CPU computes in. */
import type { DataOf } from './tensor.ts';
import type { WeightDType } from './weight.ts';

/**
 * Widens stored values into `out`, exactly (f64 is rounded to nearest).
 *
 * source   stored bits, n elements
 * out      f32, n elements
 */
export function widenToF32<D extends WeightDType>(dtype: D, source: DataOf[D], out: Float32Array): void {
  if (dtype === 'bf16') {
    const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
    const halves = source as Uint16Array;
    for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  } else if (dtype === 'f16') {
    out.set(new Float16Array(source.buffer as ArrayBuffer, source.byteOffset, source.length));
  } else {
    out.set(source as Float32Array | Float64Array);
  }
}
