/** The quantile of the symmetric beta distribution, for the schedule of that name: `scipy.stats.beta.ppf(p, a, a)`. */

/** Halvings of [0, ½]: the quantile to 2⁻⁶¹. */
const HALVINGS = 60;
/** Terms fall at least by half each: the rest is under 2⁻⁶⁰. */
const TERMS = 64;

/** The x below which a share p of the distribution Beta(a, a) lies; p 0…1, a > 0. */
export function symmetricBetaQuantile(p: number, a: number): number {
  if (p > 1 / 2) return 1 - symmetricBetaQuantile(1 - p, a);
  // Half of the distribution lies below ½, so the integral to ½ is half of the whole.
  const wanted = 2 * p * integralTo(1 / 2, a);
  let low = 0;
  let high = 1 / 2;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (integralTo(middle, a) < wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Integral of tᵃ⁻¹(1 − t)ᵃ⁻¹ from 0 to x ≤ ½, by the binomial series of the second factor. Source: DLMF 8.17.7. */
function integralTo(x: number, a: number): number {
  let coefficient = 1;
  let sum = 0;
  for (let k = 0; k < TERMS; k++) {
    sum += coefficient / (a + k);
    coefficient *= ((k + 1 - a) / (k + 1)) * x;
  }
  return sum * x ** a;
}
