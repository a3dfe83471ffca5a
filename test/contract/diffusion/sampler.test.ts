/** One suite for every sampler of the registry: what the interface promises (D1 to D4 in sampler.ts). */
import { describe, expect, it } from 'vitest';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { createGenerator } from '#shared/diffusion/noise.ts';
import { firstCall, type Sampler } from '#shared/diffusion/sampler.ts';
import { SAMPLERS } from '#shared/diffusion/sampler-names.ts';
import { SCHEDULE_NAMES } from '#shared/diffusion/schedule-names.ts';
import { MeshError } from '#shared/errors/errors.ts';

const STEPS = 6;
const SIZE = 64;
const SCHEDULE = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  steps_offset: 1,
  clip_sample: false,
};

/** Model calls of six steps where they are not six, and the calls that draw noise where there are any. */
const TWICE = { Heun: 11, DPM2: 11, 'DPM2 a': 11, 'DPM++ 2S a': 11, 'DPM++ SDE': 11 };
const CALLS: Record<string, number> = { PLMS: 7, ...TWICE };
const DRAWS: Record<string, number> = {
  'Euler a': 6,
  'DPM2 a': 5,
  'DPM++ 2S a': 5,
  'DPM++ SDE': 10,
  'DPM++ 2M SDE': 6,
  'DPM++ 2M SDE Heun': 6,
  'DPM++ 3M SDE': 5,
  LCM: 5,
  TCD: 5,
  DDPM: 6,
};

const create = (label: string, prediction_type = 'epsilon'): Sampler =>
  createSampler(label, { config: { ...SCHEDULE, prediction_type }, steps: STEPS });

interface Run {
  readonly latents: Float32Array;
  readonly drawn: number;
}

/** Each array is overwritten after its call, as by callers that reuse their buffers. */
function run(sampler: Sampler, first = 0): Run {
  const generator = createGenerator(7);
  let drawn = 0;
  const noise = (): Float32Array => {
    drawn++;
    return generator.randn(SIZE);
  };
  const clean = createGenerator(8).randn(SIZE);
  let latents = sampler.addNoise(clean, generator.randn(SIZE), first);
  for (let call = first; call < sampler.timesteps.length; call++) {
    const output = sampler.scaleModelInput(latents, call).map((value) => Math.sin(value));
    const before = latents.slice();
    const outputBefore = output.slice();
    const drawnBefore = drawn;
    const next = sampler.step(call, output, latents, noise);
    expect(latents, 'latents stay as they are').toEqual(before);
    expect(output, 'the output stays as it is').toEqual(outputBefore);
    expect(drawn - drawnBefore, `noise drawn at call ${call}`).toBe(sampler.drawsNoise(call) ? 1 : 0);
    latents.fill(Number.NaN);
    output.fill(Number.NaN);
    latents = next;
  }
  return { latents, drawn };
}

function errorOf(act: () => unknown): MeshError {
  try {
    act();
  } catch (error) {
    return MeshError.from(error);
  }
  throw new Error('no error was thrown');
}

const NAMES = SAMPLERS.flatMap(({ label, hasSchedules }) => [
  { name: label, label },
  ...(hasSchedules ? [{ name: `${label} Karras`, label }] : []),
]);

describe.each(NAMES)('sampler — $name', ({ name, label }) => {
  it('makes the calls it promises, at falling timesteps of the training steps', () => {
    const { timesteps } = create(name);
    expect(timesteps.length).toBe(CALLS[label] ?? STEPS);
    expect(risesOf(timesteps)).toEqual([]);
    expect(timesteps[0]).toBeLessThanOrEqual(999);
    expect(timesteps.at(-1)).toBeGreaterThanOrEqual(0);
  });

  it('draws noise where it says, once a call', () => {
    expect(run(create(name)).drawn).toBe(DRAWS[label] ?? 0);
  });

  it.each(['epsilon', 'v_prediction'])(
    'ends finite and does the same again from a fresh object: %s [D1] [D4]',
    (kind) => {
      const { latents } = run(create(name, kind));
      expect(latents.every(Number.isFinite)).toBe(true);
      expect(run(create(name, kind)).latents).toEqual(latents);
    },
  );

  it('keeps none of its arguments: it does the same with buffers that are overwritten [D3]', () => {
    const sampler = create(name);
    const half = firstCall(sampler, STEPS, 0.5);
    expect(run(sampler, half).latents.every(Number.isFinite)).toBe(true);
  });

  it('starts image to image at any step, and goes on call by call [D2]', () => {
    const sampler = create(name);
    const first = firstCall(sampler, STEPS, 0.5);
    const latents = createGenerator(1).randn(SIZE);
    const noise = (): Float32Array => createGenerator(2).randn(SIZE);
    sampler.step(first, latents, latents, noise);
    expect(errorOf(() => sampler.step(first, latents, latents, noise)).code).toBe('INTERNAL');
    sampler.step(first + 1, latents, latents, noise);
  });

  it('goes to the clean latents when the network knows them', () => {
    const sampler = create(name);
    const clean = createGenerator(3).randn(SIZE);
    const noise = createGenerator(4);
    let latents = sampler.addNoise(clean, noise.randn(SIZE), 0);
    for (const call of sampler.timesteps.keys()) {
      const output = noiseBetween(sampler, clean, latents, call);
      latents = sampler.step(call, output, latents, () => noise.randn(SIZE));
    }
    const worst = Math.max(...latents.map((value, i) => Math.abs(value - clean[i]!)));
    // Samplers that end at the first training step leave its noise, of deviation 0.04.
    expect(worst).toBeLessThan(0.15);
  });

  it('scales into a buffer when one is given', () => {
    const sampler = create(name);
    const latents = createGenerator(9).randn(SIZE);
    const out = new Float32Array(SIZE);
    expect(sampler.scaleModelInput(latents, 0, out)).toBe(out);
    expect(out).toEqual(sampler.scaleModelInput(latents, 0));
  });

  it('refuses arrays of the wrong length', () => {
    const sampler = create(name);
    const latents = new Float32Array(SIZE);
    const short = new Float32Array(SIZE - 1);
    const noise = (): Float32Array => latents;
    expect(errorOf(() => sampler.step(0, short, latents, noise)).code).toBe('WRONG_SHAPE');
    expect(errorOf(() => sampler.scaleModelInput(latents, 0, short)).code).toBe('WRONG_SHAPE');
    expect(errorOf(() => sampler.addNoise(latents, short, 0)).code).toBe('WRONG_SHAPE');
    if (sampler.drawsNoise(0)) {
      expect(errorOf(() => create(name).step(0, latents, latents, () => short)).code).toBe('WRONG_SHAPE');
    }
  });
});

describe.each(SCHEDULE_NAMES)('sampler — schedule %s', (schedule) => {
  it.each(SAMPLERS.filter((sampler) => sampler.hasSchedules))('is followed by $label to a finite end', ({ label }) => {
    for (const steps of [1, 2, 15]) {
      const sampler = createSampler(label, { config: SCHEDULE, steps, schedule });
      expect(risesOf(sampler.timesteps)).toEqual([]);
      expect(run(sampler).latents.every(Number.isFinite)).toBe(true);
    }
  });
});

/** Where a timestep is above the one before; DPM2 a on Karras has whole ones beside those of the same level that are not. */
function risesOf(timesteps: readonly number[]): number[] {
  return timesteps.filter((timestep, i) => i > 0 && timestep > timesteps[i - 1]! + 1 / 2);
}

/** The noise that lies between clean and noisy latents, by what `addNoise` adds of each. */
function noiseBetween(sampler: Sampler, clean: Float32Array, latents: Float32Array, call: number): Float32Array {
  const ones = new Float32Array(SIZE).fill(1);
  const zeros = new Float32Array(SIZE);
  const alpha = sampler.addNoise(ones, zeros, call)[0]!;
  const sigma = sampler.addNoise(zeros, ones, call)[0]!;
  return latents.map((value, i) => (value - alpha * clean[i]!) / sigma);
}
