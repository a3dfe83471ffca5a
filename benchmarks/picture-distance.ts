/** How far a picture is from another one. */

const MAX_LEVEL = 255;

/** Root mean square of the differences over all bytes, levels. */
export function rootMeanSquare(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / a.length);
}

/** Peak signal to noise over all bytes, dB; infinite for equal ones. */
export function peakSignalToNoise(a: Uint8Array, b: Uint8Array): number {
  return 20 * Math.log10(MAX_LEVEL / rootMeanSquare(a, b));
}
