/**
 * The seam between sampling and everything else: a sampler is handed model outputs and never sees a network.
 *
 * Owns:       the contract below, and the checks that hold it for every sampler.
 * Invariants: D1 One sampler object serves one job: the history of multistep methods lives in it.
 *             D2 Steps follow one another: the first may be any call (image to image), each later one is the next call.
 *             D3 No argument is changed or kept: callers may reuse their buffers.
 *             D4 The result depends on the arguments and the noise drawn, nothing else.
 */
import { MeshError } from '#shared/errors/errors.ts';

/** The sampling method of one job; a "call" is the index of a model call, 0…timesteps.length − 1. */
export interface Sampler {
  /** The timestep of each model call, falling, 0…999 of the training steps; some samplers have fractions. */
  readonly timesteps: readonly number[];
  /** Noise levels at each call and after the last, where the method works in them. */
  readonly sigmas?: readonly number[];
  /** What the first noise is multiplied by to become the first latents. */
  readonly initNoiseSigma: number;
  /** Model calls of one nominal step: 2 for Heun, whose last step has one. */
  readonly callsPerStep: 1 | 2;
  /** Whether `step` draws noise at this call, once, for all of the latents. */
  drawsNoise(call: number): boolean;
  /** Latents as the network wants to see them: f32 of the same length, into `out` when given. May be `latents` itself. */
  scaleModelInput(latents: Float32Array, call: number, out?: Float32Array): Float32Array;
  /**
   * The latents after this call, a new array.
   *
   * modelOutput, latents   f32 of one length, guided output and unscaled latents
   * noise                  draws f32 of that length, deviation 1
   * @throws MeshError WRONG_SHAPE when lengths differ, INTERNAL when calls do not follow one another.
   */
  step(call: number, modelOutput: Float32Array, latents: Float32Array, noise: () => Float32Array): Float32Array;
  /** Clean latents brought to the noise level of a call: where image to image starts. A new array. */
  addNoise(original: Float32Array, noise: Float32Array, call: number): Float32Array;
}

/** The first step of image to image, from 0: of n steps, int(n · strength) are left to do. Strength 0…1. */
export function firstStep(steps: number, strength: number): number {
  return steps - Math.min(Math.trunc(steps * strength), steps);
}

/** The model call that begins with it. */
export function firstCall(sampler: Sampler, steps: number, strength: number): number {
  return firstStep(steps, strength) * sampler.callsPerStep;
}

/** Holds D2 and the lengths for any sampler. */
export function checked(sampler: Sampler): Sampler {
  let expected: number | undefined;
  return {
    ...sampler,
    scaleModelInput(latents, call, out) {
      requireCall(call, sampler.timesteps.length);
      if (out) requireLength('out', out, latents);
      return sampler.scaleModelInput(latents, call, out);
    },
    step(call, modelOutput, latents, noise) {
      requireCall(call, sampler.timesteps.length, expected);
      requireLength('modelOutput', modelOutput, latents);
      expected = call + 1;
      return sampler.step(call, modelOutput, latents, () => requireLength('noise', noise(), latents));
    },
    addNoise(original, noise, call) {
      requireCall(call, sampler.timesteps.length);
      return sampler.addNoise(original, requireLength('noise', noise, original), call);
    },
  };
}

function requireLength(name: string, values: Float32Array, latents: Float32Array): Float32Array {
  if (values.length === latents.length) return values;
  throw new MeshError('WRONG_SHAPE', `${name} has ${values.length} elements, the latents have ${latents.length}.`, {
    name,
    expected: latents.length,
    got: values.length,
  });
}

function requireCall(call: number, calls: number, expected = call): void {
  if (Number.isInteger(call) && call >= 0 && call < calls && call === expected) return;
  const message = `Sampler call ${call} of ${calls} does not follow; ${expected} was next. One sampler serves one job.`;
  throw new MeshError('INTERNAL', message, { call, calls, expected });
}
