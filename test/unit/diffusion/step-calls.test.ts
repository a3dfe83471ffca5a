import { describe, expect, it } from 'vitest';
import { firstCallOf, stepBeginningAt } from '#shared/diffusion/step-calls.ts';

/** The step that begins with each call, `-` in the middle of one. */
function begins(steps: number, calls: number): string {
  return Array.from({ length: calls }, (_, call) => stepBeginningAt(call, { steps, calls }) ?? '-').join(' ');
}

describe('steps and their calls', () => {
  it.each([
    ['one call each', 4, 4, '0 1 2 3'],
    ['Heun: two in every step but the last', 4, 7, '0 - 1 - 2 - 3'],
    ['PLMS: two in the first', 4, 5, '0 - 1 2 3'],
    ['one step', 1, 1, '0'],
  ])('%s', (_, steps, calls, expected) => {
    expect(begins(steps, calls)).toBe(expected);
  });

  it('every step of any run begins with one call', () => {
    for (let steps = 1; steps <= 150; steps++) {
      for (const calls of [steps, 2 * steps - 1, steps + 1]) {
        const run = { steps, calls };
        const found = Array.from({ length: steps }, (_, step) => stepBeginningAt(firstCallOf(step, run), run));
        expect(found).toEqual(Array.from({ length: steps }, (_, step) => step));
      }
    }
  });
});
