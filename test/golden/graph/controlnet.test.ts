import { describe, expect, it } from 'vitest';
import { parseControlNetConfig } from '#shared/checkpoint/unet-config.ts';
import { controlnetHint, controlnetStep } from '#shared/graph/models/controlnet.ts';
import { RESIDUAL_MID, residualName, residualShapes } from '#shared/graph/models/residuals.ts';
import { f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { expectClose } from '../reference.ts';
import { addedInput, first, openRecorded, timestepOf } from './recorded-network.ts';
import { runGraph } from './run-graph.ts';

const NETWORKS = [
  { model: 'sd15', name: 'controlnet-a' },
  { model: 'sd15', name: 'controlnet-b' },
  { model: 'sd2', name: 'controlnet' },
  { model: 'sdxl', name: 'controlnet' },
] as const;

describe.each(NETWORKS)('ControlNet $name of $model — as recorded', async ({ model, name }) => {
  const { config, weights, inputs, recorded, tolerance } = await openRecorded(
    model,
    [name, name],
    parseControlNetConfig,
  );

  async function embedHints(sizeName: string, batch: number): Promise<Tensor> {
    const levels = inputs[`hint_${sizeName}`]!;
    const hint = first(
      batch,
      f32(
        levels.shape,
        Float32Array.from(levels.data as Uint8Array, (level) => level / 255),
      ),
    );
    const [height, width] = inputs[`sample_${sizeName}`]!.shape.slice(2) as [number, number];
    return (await runGraph(controlnetHint(config, weights, { batch, height, width }), { hint })).hint_embedding!;
  }

  async function residualsOf(
    sizeName: string,
    { batch, hintBatch = batch }: { batch: number; hintBatch?: number },
    scalesFor: (count: number) => number[],
  ): Promise<TensorMap> {
    const latents = first(batch, inputs[`sample_${sizeName}`]!);
    const prompt = first(batch, inputs.encoder_hidden_states!);
    const [height, width] = latents.shape.slice(2) as [number, number];
    const size = { batch, height, width, tokens: prompt.shape[1]! };
    const scales = Float32Array.from(scalesFor(residualShapes(config, size).skips.length + 1));
    return runGraph(controlnetStep(config, weights, size, { hintBatch }), {
      latents,
      timestep: timestepOf(500),
      prompt_embeds: prompt,
      ...addedInput(config, inputs, batch),
      hint_embedding: await embedHints(sizeName, hintBatch),
      scales: f32([scales.length], scales),
    });
  }

  function expectRecorded(got: TensorMap, suffix: string): void {
    const count = Object.keys(got).length - 1;
    expect(Object.keys(recorded).filter((key) => key.startsWith('down_') && key.endsWith(suffix))).toHaveLength(count);
    for (let i = 0; i < count; i++) {
      const key = `down_${String(i).padStart(2, '0')}${suffix}`;
      expectClose(key, got[residualName(i)]!, recorded[key]!, tolerance('down'));
    }
    expectClose(`mid${suffix}`, got[RESIDUAL_MID]!, recorded[`mid${suffix}`]!, tolerance('mid'));
  }

  it.each(['8x8', '16x8'])('hint embedding at %s', async (sizeName) => {
    const key = `hint_embedding_${sizeName}`;
    expectClose(key, await embedHints(sizeName, 1), recorded[key]!, tolerance('hint'));
  });

  it.each(['8x8', '16x8'])('residuals at %s, each picture with a hint of its own', async (sizeName) => {
    expectRecorded(await residualsOf(sizeName, { batch: 2 }, scaledBy(1)), `_${sizeName}_t500_scale1.0`);
  });

  it('residuals scaled by 0.7', async () => {
    expectRecorded(await residualsOf('8x8', { batch: 1 }, scaledBy(0.7)), '_8x8_t500_scale0.7');
  });

  it('residuals in guess mode, each with a scale of its own', async () => {
    const logspace = (count: number) => Array.from({ length: count }, (_, i) => 10 ** (i / (count - 1) - 1));
    expectRecorded(await residualsOf('8x8', { batch: 1 }, logspace), '_8x8_t500_guess');
  });

  it('residuals of two pictures that share one hint', async () => {
    const got = await residualsOf('8x8', { batch: 2, hintBatch: 1 }, scaledBy(0.7));
    const ofFirst = Object.entries(got).map(([name, residual]) => [name, first(1, residual)]);
    expectRecorded(Object.fromEntries(ofFirst), '_8x8_t500_scale0.7');
  });

  it('takes every weight of the file', () => {
    const size = { batch: 1, height: 8, width: 8, tokens: 77 };
    controlnetHint(config, weights, size);
    controlnetStep(config, weights, size);
    weights.assertAllUsed();
  });
});

describe('ControlNet — a hint in blue-green-red order', async () => {
  const { config, weights, inputs } = await openRecorded(
    'sd15',
    ['controlnet-a', 'controlnet-a'],
    parseControlNetConfig,
  );

  it('is turned around before it is read', async () => {
    const size = { batch: 1, height: 8, width: 8 };
    const plane = 64 * 64;
    const rgb = Float32Array.from((inputs.hint_8x8!.data as Uint8Array).subarray(0, 3 * plane), (level) => level / 255);
    const bgr = Float32Array.from(rgb, (_, i) => rgb[(2 - Math.floor(i / plane)) * plane + (i % plane)]!);
    const feed = (data: Float32Array) => ({ hint: f32([1, 3, 64, 64], data) });
    const asRgb = await runGraph(controlnetHint(config, weights, size), feed(rgb));
    const swapped = { ...config, conditioningChannelOrder: 'bgr' } as const;
    const asBgr = await runGraph(controlnetHint(swapped, weights, size), feed(bgr));
    expect(asBgr.hint_embedding!.data).toEqual(asRgb.hint_embedding!.data);
  });
});

function scaledBy(scale: number): (count: number) => number[] {
  return (count) => Array(count).fill(scale);
}
