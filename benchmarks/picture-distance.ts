/** How far a picture is from another one. */

const MAX_LEVEL = 255;

/** Peak signal to noise over all bytes, dB; infinite for equal ones. */
export function peakSignalToNoise(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return 10 * Math.log10((MAX_LEVEL ** 2 * a.length) / sum);
}
