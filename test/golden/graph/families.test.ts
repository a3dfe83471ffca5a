/** UNets of families that are built otherwise, against Diffusers: recorded by test/golden/make/families.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openComponent } from '#shared/checkpoint/component.ts';
import { parseUnetConfig } from '#shared/checkpoint/unet-config.ts';
import { parseVaeConfig } from '#shared/checkpoint/vae-config.ts';
import { guidanceEmbedding } from '#shared/diffusion/added-embeds.ts';
import { RESIDUAL_MID, residualName, residualShapes } from '#shared/graph/models/residuals.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { vaeDecode, vaeEncode } from '#shared/graph/models/vae.ts';
import { isInpainting, type UnetConfig } from '#shared/tensor/network-config.ts';
import { elementCount, f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';
import { addedInput, timestepOf } from './recorded-network.ts';
import { runGraph } from './run-graph.ts';

const UNETS = ['inpainting', 'xl-inpainting', 'bk-sdm-small', 'bk-sdm-tiny', 'ssd-1b', 'refiner', 'lcm'] as const;
/** The scale whose embedding is recorded. */
const LCM_SCALE = 8.5;

const tolerances = JSON.parse(readFileSync(goldenPath('families', 'tolerances.json'), 'utf8')) as Record<
  string,
  number
>;

describe.each(UNETS)('UNet of %s — as recorded', async (name) => {
  const { config: json, weights } = await openComponent(goldenPath('families', name));
  const recorded = await loadSafetensors(goldenPath('families', name, 'recorded.safetensors'));
  const config = parseUnetConfig(name, json);
  const [batch, , height, width] = recorded.sample!.shape as [number, number, number, number];
  const size = { batch, height, width, tokens: recorded.encoder_hidden_states!.shape[1]! };
  const prompt_embeds = recorded.encoder_hidden_states!;

  async function predict(residuals?: TensorMap): Promise<Tensor> {
    const feeds = {
      ...latentInputs(config, recorded.sample!),
      ...addedInput(config, recorded, batch),
      ...(recorded.timestep_cond && { timestep_cond: recorded.timestep_cond }),
      timestep: timestepOf(500),
      prompt_embeds,
    };
    const between = await runGraph(unetDown(config, weights, size), feeds);
    const up = unetUp(config, weights, size, { hasResiduals: residuals !== undefined });
    return (await runGraph(up, { ...between, prompt_embeds, ...residuals })).noise_pred!;
  }

  it('noise prediction', async () => {
    expectClose('out', await predict(), recorded.out!, tolerances[name]!);
  });

  it('takes the residuals of a ControlNet, also without a middle', async () => {
    const { skips, mid } = residualShapes(config, size);
    const zeros = skips.map((shape, i) => [residualName(i), f32(shape)]);
    const none = { ...Object.fromEntries(zeros), [RESIDUAL_MID]: f32(mid) };
    expectClose('out', await predict(none), recorded.out!, tolerances[name]!);
    const some = f32(mid, new Float32Array(elementCount(mid)).fill(1));
    expect((await predict({ ...none, [RESIDUAL_MID]: some })).data).not.toEqual(recorded.out!.data);
  });

  it('takes every weight of the file', () => {
    unetDown(config, weights, size);
    unetUp(config, weights, size, { hasResiduals: false });
    weights.assertAllUsed();
  });
});

describe('the tiny autoencoder — as recorded', async () => {
  const { config: json, weights } = await openComponent(goldenPath('families', 'taesd'));
  const recorded = await loadSafetensors(goldenPath('families', 'taesd', 'recorded.safetensors'));
  const config = parseVaeConfig('taesd', json);
  const [batch, , height, width] = recorded.latents!.shape as [number, number, number, number];
  const size = { batch, height, width };

  it('latents to pixels', async () => {
    const { pixels } = await runGraph(vaeDecode(config, weights, size), { latents: recorded.latents! });
    expectClose('decoded', pixels!, recorded.decoded!, tolerances.taesd!);
  });

  it('pixels to latents, which are not drawn', async () => {
    const { mean, logvar } = await runGraph(vaeEncode(config, weights, size), { pixels: recorded.image! });
    expectClose('encoded', mean!, recorded.encoded!, tolerances.taesd!);
    expect(new Set(logvar!.data as Float32Array)).toEqual(new Set([-30]));
  });

  it('takes every weight of the file', () => {
    vaeDecode(config, weights, size);
    vaeEncode(config, weights, size);
    weights.assertAllUsed();
  });
});

describe('guidance scale — as a UNet reads it', async () => {
  const recorded = await loadSafetensors(goldenPath('families', 'lcm', 'recorded.safetensors'));

  it('equals the embedding of Diffusers', () => {
    const want = recorded.timestep_cond!;
    expectClose('timestep_cond', guidanceEmbedding(LCM_SCALE, want.shape[1]!), want, 1e-4);
  });
});

/** An inpainting UNet's sample is latents, mask and masked picture; its graph takes them apart. */
function latentInputs(config: UnetConfig, sample: Tensor): TensorMap {
  if (!isInpainting(config)) return { latents: sample };
  const { outChannels: count } = config;
  return {
    latents: channels(sample, 0, count),
    mask: channels(sample, count, count + 1),
    masked_image_latents: channels(sample, count + 1, 2 * count + 1),
  };
}

function channels({ shape, data }: Tensor, from: number, to: number): Tensor<'f32'> {
  const [batch, all, height, width] = shape as [number, number, number, number];
  const plane = height * width;
  const part = f32([batch, to - from, height, width]);
  for (let i = 0; i < batch; i++) {
    const picture = (data as Float32Array).subarray((i * all + from) * plane, (i * all + to) * plane);
    part.data.set(picture, i * (to - from) * plane);
  }
  return part;
}
