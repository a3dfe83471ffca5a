import { describe, expect, it } from 'vitest';
import { parseUnetConfig } from '#shared/checkpoint/unet-config.ts';
import { CONSTANT } from '#shared/graph/builder.ts';
import { RESIDUAL_MID, residualName, residualShapes, skipName } from '#shared/graph/models/residuals.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import type { GraphVariant, PromptedSize } from '#shared/graph/models/variant.ts';
import { f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';
import { addedInput, first, openRecorded, timestepOf } from './recorded-network.ts';
import { runGraph } from './run-graph.ts';

const FIRST_CONTROLNET = { sd15: 'controlnet-a', sd2: 'controlnet', sdxl: 'controlnet' } as const;

const TIME_TAPS = ['time_proj', 'time_alone'];

/** Two sizes at three timesteps and both batches, and a third size once. */
const SIZES_TIMES_BATCHES = 2 * 3 * 2 + 1;

describe.each(['sd15', 'sd2', 'sdxl'] as const)('UNet of %s — as recorded', async (model) => {
  const { config, weights, inputs, recorded, tolerance } = await openRecorded(model, ['unet', 'unet'], parseUnetConfig);
  const controlnet = await loadSafetensors(goldenPath(model, 'fixtures', `${FIRST_CONTROLNET[model]}.safetensors`));

  function feedsOf(sizeName: string, timestep: number, batch: number): { size: PromptedSize; feeds: TensorMap } {
    const latents = first(batch, inputs[`sample_${sizeName}`]!);
    const prompt = first(batch, inputs.encoder_hidden_states!);
    const [height, width] = latents.shape.slice(2) as [number, number];
    return {
      size: { batch, height, width, tokens: prompt.shape[1]! },
      feeds: { latents, timestep: timestepOf(timestep), prompt_embeds: prompt, ...addedInput(config, inputs, batch) },
    };
  }

  async function runWhole(
    { size, feeds }: { size: PromptedSize; feeds: TensorMap },
    residuals?: TensorMap,
    variant: GraphVariant = {},
  ): Promise<Tensor> {
    const { prompt_embeds } = feeds as { prompt_embeds: Tensor };
    const between = await runGraph(unetDown(config, weights, size, variant), feeds);
    const up = unetUp(config, weights, size, { ...variant, hasResiduals: residuals !== undefined });
    return (await runGraph(up, { ...between, prompt_embeds, ...residuals })).noise_pred!;
  }

  /** What SDXL adds to the time is in none of the recorded values. */
  function expectTime(got: TensorMap, timestep: number): void {
    const names = { time_proj: 'time_proj', time_embedding: config.added ? 'time_alone' : 'time_embedding' };
    for (const [kind, name] of Object.entries(names)) {
      expectClose(kind, got[name]!, recorded[`${kind}_t${timestep}`]!, tolerance(kind));
    }
  }

  const outputs = Object.keys(recorded).flatMap((name) => {
    const match = /^out_(\d+x\d+)_t(\d+)_b(\d)$/.exec(name);
    return match ? [{ name, size: match[1]!, timestep: Number(match[2]), batch: Number(match[3]) }] : [];
  });

  it.each(outputs)('$name', async ({ name, size, timestep, batch }) => {
    const got = await runWhole(feedsOf(size, timestep, batch));
    expectClose(name, got, recorded[name]!, tolerance('out'));
  });

  it('covers three sizes, three timesteps and both batches', () => {
    expect(outputs).toHaveLength(SIZES_TIMES_BATCHES);
  });

  it('gives the same with its weights as constants', async () => {
    const got = await runWhole(feedsOf('8x8', 500, 1), undefined, { weightMode: CONSTANT });
    expectClose('constant weights', got, recorded.out_8x8_t500_b1!, tolerance('out'));
  });

  it.each(['8x8', '16x8'])('skips, middle and time of %s', async (sizeName) => {
    const { size, feeds } = feedsOf(sizeName, 500, 1);
    const got = await runGraph(unetDown(config, weights, size, { taps: TIME_TAPS }), feeds);
    const { skips, mid } = residualShapes(config, size);
    for (const [index, shape] of skips.entries()) {
      const name = `${skipName(index)}_${sizeName}_t500_b1`;
      expect(got[skipName(index)]!.shape).toEqual(shape);
      expectClose(name, got[skipName(index)]!, recorded[name]!, tolerance('skip'));
    }
    expect(recorded[`${skipName(skips.length)}_${sizeName}_t500_b1`]).toBeUndefined();
    expect(got.mid!.shape).toEqual(mid);
    expectClose('mid', got.mid!, recorded[`mid_${sizeName}_t500_b1`]!, tolerance('mid'));
    expectTime(got, 500);
  });

  it.each([1, 981])('time at step %d', async (timestep) => {
    const { size, feeds } = feedsOf('8x8', timestep, 1);
    const got = await runGraph(unetDown(config, weights, size, { taps: TIME_TAPS }), feeds);
    expectTime(got, timestep);
  });

  it.each(['8x8', '16x8'])('with the residuals of a ControlNet at %s', async (sizeName) => {
    const { size, feeds } = feedsOf(sizeName, 500, 2);
    const { skips } = residualShapes(config, size);
    const residuals = Object.fromEntries(
      skips.map((_, i) => [residualName(i), controlnet[`down_${residualIndex(i)}_${sizeName}_t500_scale1.0`]!]),
    );
    const mid = controlnet[`mid_${sizeName}_t500_scale1.0`]!;
    const name = `out_${sizeName}_t500_b2_residuals`;
    const got = await runWhole({ size, feeds }, { ...residuals, [RESIDUAL_MID]: mid });
    expectClose(name, got, recorded[name]!, tolerance('out'));
  });

  it('runs at a size that does not halve evenly', async () => {
    const [height, width] = [9, 7];
    const latents = f32(
      [1, 4, height, width],
      Float32Array.from({ length: 4 * height * width }, (_, i) => Math.sin(i)),
    );
    const { feeds } = feedsOf('8x8', 500, 1);
    const size = { batch: 1, height, width, tokens: 77 };
    const got = await runWhole({ size, feeds: { ...feeds, latents } });
    expect(got.shape).toEqual(latents.shape);
    expect((got.data as Float32Array).every(Number.isFinite)).toBe(true);
  });

  it('takes every weight of the file', () => {
    const { size } = feedsOf('8x8', 1, 1);
    unetDown(config, weights, size);
    unetUp(config, weights, size, { hasResiduals: false });
    weights.assertAllUsed();
  });
});

function residualIndex(index: number): string {
  return String(index).padStart(2, '0');
}
