import { describe, expect, it } from 'vitest';
import { parseUnetConfig } from '#shared/checkpoint/unet-config.ts';
import { residualName } from '#shared/graph/models/residuals.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { unetShallow } from '#shared/graph/models/unet-shallow.ts';
import { f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { expectClose } from '../reference.ts';
import { addedInput, first, openRecorded, timestepOf } from './recorded-network.ts';
import { runGraph } from './run-graph.ts';

/** What lies deep is of the same step here, so the shallow step must say what the whole one does. */
describe.each(['sd15', 'sd2', 'sdxl'] as const)('shallow step of %s — on what the whole step left', async (model) => {
  const { config, weights, inputs, recorded, tolerance } = await openRecorded(model, ['unet', 'unet'], parseUnetConfig);
  const batch = 2;
  const size = { batch, height: 8, width: 8, tokens: 77 };
  const feeds: TensorMap = {
    latents: first(batch, inputs.sample_8x8!),
    timestep: timestepOf(500),
    prompt_embeds: first(batch, inputs.encoder_hidden_states!),
    ...addedInput(config, inputs, batch),
  };
  const { prompt_embeds } = feeds as { prompt_embeds: Tensor };
  const layers = config.upBlocks.at(-1)!.map((_, i) => i + 1);

  it.each(layers)('with %i layers of its own', async (deepLayers) => {
    const between = await runGraph(unetDown(config, weights, size), feeds);
    const up = unetUp(config, weights, size, { hasResiduals: false, deepLayers });
    const { deep, noise_pred } = await runGraph(up, { ...between, prompt_embeds });
    const shallow = unetShallow(config, weights, size, { layers: deepLayers, hasResiduals: false });
    const again = (await runGraph(shallow, { ...feeds, deep: deep! })).noise_pred!;
    expectClose('whole', noise_pred!, recorded.out_8x8_t500_b2!, tolerance('out'));
    expectClose('shallow', again, recorded.out_8x8_t500_b2!, tolerance('out'));
    expect(shallow.cost.flops).toBeLessThan(up.cost.flops);
  });

  it('with the residuals of a ControlNet', async () => {
    const between = await runGraph(unetDown(config, weights, size), feeds);
    const up = unetUp(config, weights, size, { hasResiduals: true, deepLayers: 2 });
    const inputsOf = up.inputs.filter(({ name }) => name.startsWith('residual_'));
    const residuals = Object.fromEntries(inputsOf.map(({ name, shape }, i) => [name, ramp(shape, i)]));
    const whole = await runGraph(up, { ...between, prompt_embeds, ...residuals });
    const shallow = unetShallow(config, weights, size, { layers: 2, hasResiduals: true });
    const outer = Object.fromEntries([0, 1].map((i) => [residualName(i), residuals[residualName(i)]!]));
    const again = (await runGraph(shallow, { ...feeds, deep: whole.deep!, ...outer })).noise_pred!;
    expectClose('shallow', again, whole.noise_pred!, tolerance('out'));
  });

  it('says how many layers there are', () => {
    const tooMany = { layers: layers.length + 1, hasResiduals: false };
    expect(() => unetShallow(config, weights, size, tooMany)).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_OPTION',
        details: expect.objectContaining({ max: layers.length - 1 }),
      }),
    );
  });
});

/** Small numbers that differ by place. */
function ramp(shape: readonly number[], seed: number): Tensor<'f32'> {
  const count = shape.reduce((product, side) => product * side, 1);
  return f32(
    [...shape],
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37 + seed) * 0.3),
  );
}
