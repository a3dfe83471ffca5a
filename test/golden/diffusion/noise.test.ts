/** Seeded noise against numbers recorded from `torch.randn`. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createGenerator } from '#shared/diffusion/noise.ts';
import { goldenPath, loadSafetensors } from '../reference.ts';

const recorded = await loadSafetensors(goldenPath('rng', 'randn.safetensors'));
const tolerances = JSON.parse(readFileSync(goldenPath('rng', 'tolerances.json'), 'utf8'));
const tolerance: number = tolerances.tolerance_absolute;
const SEEDS = [0, 1, 42, 2 ** 31 - 1, 2 ** 53 - 1];
const SHAPES = ['3', '15', '16', '17', '31', '1x4x8x8'];
const PAIRS = ['1x4x8x8+1x4x8x8', '3+3', '3+17', '17+3', '3+1x4x8x8'];

const shapeOf = (name: string): number[] => name.split('x').map(Number);

function expectRecorded(name: string, got: ArrayLike<number>, allowed = tolerance): void {
  const want = recorded[name]!.data as Float32Array;
  expect(got.length, name).toBe(want.length);
  const worst = Math.max(...[...want].map((value, i) => Math.abs(value - got[i]!)));
  const pairs = [...want.slice(0, 5)].map((value, i) => `${got[i]} / ${value}`).join(', ');
  expect(worst <= allowed, `${name}: off by ${worst}, allowed ${allowed}; got / want: ${pairs}`).toBe(true);
}

describe.each(SEEDS)('noise — seed %i', (seed) => {
  it.each(SHAPES)('fills %s', (shape) => {
    expectRecorded(`seed${seed}/${shape}`, createGenerator(seed).randn(shapeOf(shape)));
  });

  it('fills the latents of a picture', () => {
    const values = createGenerator(seed).randn([1, 4, 64, 64]);
    const name = `seed${seed}/1x4x64x64`;
    expectRecorded(`${name}/first32`, values.slice(0, 32));
    expectRecorded(`${name}/last32`, values.slice(-32));
    expectRecorded(`${name}/sum`, [values.reduce((sum, value) => sum + value, 0)], tolerance * values.length);
  });

  it.each(PAIRS)('goes on over two calls: %s', (pair) => {
    const generator = createGenerator(seed);
    for (const [i, shape] of pair.split('+').entries()) {
      expectRecorded(`seed${seed}/${pair}/${i}`, generator.randn(shapeOf(shape)));
    }
  });
});

it('noise — has all recorded rows', () => {
  // A picture is recorded by three rows, a pair of calls by two.
  expect(Object.keys(recorded).length).toBe(SEEDS.length * (SHAPES.length + 3 + 2 * PAIRS.length));
});
