import { describe, expect, it } from 'vitest';
import { CHECKPOINT_SIZES } from '#infra/checkpoint/checkpoint-size.ts';
import { controlNetShapes, textEncoderShapes, unetShapes, vaeShapes } from '#infra/checkpoint/network-shapes.ts';
import { randomWeights } from '#infra/checkpoint/random-weights.ts';
import type { WeightIndex } from '#shared/checkpoint/component-weights.ts';
import { elementCount } from '#shared/tensor/tensor.ts';

const parametersOf = (index: WeightIndex): number => {
  return [...index.values()].reduce((sum, shape) => sum + elementCount(shape), 0);
};

/** Parameter counts of the published checkpoints. */
describe('network shapes — Stable Diffusion 1.5 has as many parameters as it has', () => {
  const { unet, vae, textEncoder, controlNet } = CHECKPOINT_SIZES.sd15;

  it('network shapes — UNet', () => {
    expect(parametersOf(unetShapes(unet))).toBe(859_520_964);
    expect(unetShapes(unet).size).toBe(686);
  });

  it('network shapes — ControlNet', () => {
    const { out_channels: _, up_block_types: __, sample_size: ___, ...encoder } = unet;
    expect(parametersOf(controlNetShapes({ ...encoder, ...controlNet, _class_name: 'ControlNetModel' }))).toBe(
      361_279_120,
    );
  });

  it('network shapes — VAE', () => {
    expect(parametersOf(vaeShapes(vae))).toBe(83_653_863);
  });

  it('network shapes — text encoder', () => {
    expect(parametersOf(textEncoderShapes(textEncoder))).toBe(123_060_480);
  });
});

describe('network shapes — Stable Diffusion XL has as many parameters as it has', () => {
  const { unet, textEncoder2 } = CHECKPOINT_SIZES.sdxl;

  it('network shapes — UNet', () => {
    expect(parametersOf(unetShapes(unet))).toBe(2_567_463_684);
  });

  it('network shapes — second text encoder', () => {
    expect(parametersOf(textEncoderShapes(textEncoder2!))).toBe(694_659_840);
  });
});

describe('random weights — of a seed', () => {
  const index: WeightIndex = new Map([
    ['conv.weight', [40, 30, 3, 3]],
    ['linear.weight', [400, 50]],
    ['norm.weight', [7]],
    ['norm.bias', [7]],
  ]);
  const valuesOf = (seed: number) =>
    Object.fromEntries(
      randomWeights(index, { seed, dtype: 'f32' }).map(({ name, bytes }) => {
        const whole = Buffer.concat([...bytes()]);
        return [name, new Float32Array(whole.buffer, whole.byteOffset, whole.length / 4)];
      }),
    );

  it('random weights — the same for the same seed, others for another', () => {
    expect(valuesOf(1)).toEqual(valuesOf(1));
    expect(valuesOf(1)).not.toEqual(valuesOf(2));
  });

  it('random weights — fill their shapes and keep the variance of what goes through', () => {
    const values = valuesOf(3);
    for (const [name, shape] of index) expect(values[name]).toHaveLength(elementCount(shape));
    const meanSquare = values['linear.weight']!.reduce((sum, value) => sum + value ** 2, 0) / (400 * 50);
    expect(Math.abs(meanSquare * 50 - 1)).toBeLessThan(0.1);
    expect([...values['norm.weight']!, ...values['norm.bias']!]).toEqual([...Array(7).fill(1), ...Array(7).fill(0)]);
  });
});
