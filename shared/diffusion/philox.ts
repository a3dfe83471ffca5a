/**
 * Philox4x32-10, a counter-based generator: word w of draw d of element i is a function of (seed, d, i). It is what CUDA's
 * `torch.randn` is made of; the web UI draws it on the CPU as its RNG "NV".
 * Source: Salmon et al. 2011 (Parallel Random Numbers: As Easy as 1, 2, 3), §3.3.
 */

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
/** Golden ratio and √3 − 1, which the two halves of the key grow by in every round. */
const KEY_STEPS = [0x9e3779b9, 0xbb67ae85] as const;
const ROUNDS = 10;

/** Four counter words and two key words, 32 bits each. */
export type PhiloxCounter = readonly [number, number, number, number];
/** The seed as two words, low and high. */
export type PhiloxKey = readonly [number, number];

/** The four random words of a counter. */
export function philox(counter: PhiloxCounter, key: PhiloxKey): PhiloxCounter {
  let [a, b, c, d] = counter;
  let [low, high] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const [highA, lowA] = product(MULTIPLIERS[0], a);
    const [highC, lowC] = product(MULTIPLIERS[1], c);
    [a, b, c, d] = [(highC ^ b ^ low) >>> 0, lowC, (highA ^ d ^ high) >>> 0, lowA];
    low = (low + KEY_STEPS[0]) >>> 0;
    high = (high + KEY_STEPS[1]) >>> 0;
  }
  return [a, b, c, d];
}

/** 32 × 32 → 64 bits as two words: by 16-bit halves, since a double holds 53. */
function product(x: number, y: number): readonly [high: number, low: number] {
  const low = Math.imul(x, y) >>> 0;
  const [xHigh, xLow, yHigh, yLow] = [x >>> 16, x & 0xffff, y >>> 16, y & 0xffff];
  const middle = xHigh * yLow + ((xLow * yLow) >>> 16);
  const high = xHigh * yHigh + Math.floor((middle + xLow * yHigh) / 2 ** 16);
  return [high >>> 0, low];
}
