/**
 * The plain pipeline to compare with: the same networks in one process on one device, one after the other, adapters loaded
 * where a job needs them. What is loaded stays.
 */

import { Library } from '#shared/checkpoint/library.ts';
import { loraBase } from '#shared/checkpoint/lora-base.ts';
import { joinFactors, readFactors } from '#shared/checkpoint/lora-factors.ts';
import { planLora } from '#shared/checkpoint/lora-file.ts';
import { openPipeline, type Pipeline, type TextEncoderPart } from '#shared/checkpoint/pipeline.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { applyGuidanceToHalves } from '#shared/diffusion/guidance.ts';
import { createBatchNoise } from '#shared/diffusion/noise.ts';
import type { Sampler } from '#shared/diffusion/sampler.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { repeatBatch, VAE_FACTOR } from '#shared/tensor/latents.ts';
import { f32, pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { ControlNet, residualScales } from '../services/controlnet/controlnet.ts';
import { joinHalves } from '../services/denoiser/halves.ts';
import { sumResiduals } from '../services/denoiser/residuals.ts';
import { Unet } from '../services/denoiser/unet.ts';
import { TextEncoder } from '../services/text-encoder/text-encoder.ts';
import type { Tokenizer } from '../services/text-encoder/tokenizer.ts';
import { loadTokenizer } from '../services/text-encoder/tokenizer-files.ts';
import { Vae } from '../services/vae/vae.ts';

/** One picture with guidance. */
export interface SequentialJob {
  readonly prompt: string;
  readonly steps: number;
  /** Pixels. */
  readonly side: number;
  /** Names; one may come twice. */
  readonly controlnets: readonly string[];
  readonly loras: readonly { readonly lora: string; readonly weight: number }[];
}

interface Networks {
  readonly pipeline: Pipeline;
  readonly library: Library;
  readonly device: Device;
  readonly tokenizer: Tokenizer;
  readonly encoder: TextEncoder;
  readonly unet: Unet;
  readonly vae: Vae;
}

interface Adapted {
  readonly encoder: WeightSet;
  readonly unet: WeightSet;
}

/** Residuals of one call. */
type ControlStep = (latents: Tensor<'f32'>, timestep: number) => Promise<TensorMap>;

const GUIDED = 2;
const GUIDANCE_SCALE = 7.5;
const PROMPT = 'job';

/** See the head of this file. */
export class SequentialPipeline implements AsyncDisposable {
  readonly #networks: Networks;
  readonly #controlnets = new Map<string, ControlNet>();
  readonly #adapted = new Map<string, Adapted>();

  private constructor(networks: Networks) {
    this.#networks = networks;
  }

  /** model   folder of the checkpoint */
  static async load(model: string): Promise<SequentialPipeline> {
    const pipeline = await openPipeline(model);
    const device = await openDevice({ device: 'cpu' });
    const [text] = pipeline.textEncoders as [TextEncoderPart];
    return new SequentialPipeline({
      pipeline,
      device,
      library: new Library(pipeline.folder, {}),
      tokenizer: await loadTokenizer(text.tokenizerFolder, text.config),
      encoder: await TextEncoder.load(device, text, pipeline.family),
      unet: await Unet.load(device, pipeline.folders.unet, pipeline.unet),
      vae: await Vae.load(device, pipeline.folders.vae, pipeline.vae),
    });
  }

  /** u8 [1, H, W, 3] */
  async generate(job: SequentialJob): Promise<Tensor<'u8'>> {
    const { unet, vae, pipeline } = this.#networks;
    const { signal } = new AbortController();
    const weights = await this.#weights(job.loras);
    const given = joinHalves(await this.#encode('', weights), await this.#encode(job.prompt, weights));
    await unet.begin(PROMPT, given);
    const prompt_embeds = pick(given, 'prompt_embeds', 'f32');
    const controls: ControlStep[] = [];
    for (const [index, name] of job.controlnets.entries())
      controls.push(await this.#open(name, { index, side: job.side, prompt_embeds }));
    const sampler = createSampler('Euler', { config: pipeline.scheduler, steps: job.steps });
    const side = job.side / VAE_FACTOR;
    const shape = { batch: GUIDED, height: side, width: side, tokens: prompt_embeds.shape[1]! };
    const predict = async (latents: Float32Array, timestep: number): Promise<Float32Array> => {
      const both = f32([GUIDED, latents.length / side ** 2, side, side], repeatBatch(latents, GUIDED));
      const residuals: TensorMap[] = [];
      for (const step of controls) residuals.push(await step({ ...both, data: both.data.slice() }, timestep));
      const unetJob = { prompt: PROMPT, shape, weights: weights.unet, signal };
      await unet.down(unetJob, both.data, timestep);
      const { noise_pred } = await unet.up(unetJob, sumResiduals(residuals));
      return applyGuidanceToHalves(noise_pred, GUIDANCE_SCALE);
    };
    const latents = await denoised(sampler, pipeline.unet.inChannels * side ** 2, predict);
    return (await vae.decode(f32([1, pipeline.unet.inChannels, side, side], latents), signal)).pixels;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#networks.device.close();
  }

  async #encode(prompt: string, weights: Adapted): Promise<TensorMap> {
    const { encoder, tokenizer } = this.#networks;
    const { ids } = tokenizer.encode(prompt);
    const { embeds } = await encoder.encode(ids, 1, weights.encoder, new AbortController().signal);
    return { prompt_embeds: embeds };
  }

  /** The weights with these LoRAs; read and multiplied when they are new. */
  async #weights(loras: SequentialJob['loras']): Promise<Adapted> {
    const { encoder, unet } = this.#networks;
    if (loras.length === 0) return { encoder: encoder.base, unet: unet.base };
    const key = JSON.stringify(loras);
    const adapted = this.#adapted.get(key) ?? (await this.#adapt(loras));
    this.#adapted.set(key, adapted);
    return adapted;
  }

  async #adapt(loras: SequentialJob['loras']): Promise<Adapted> {
    const { library, pipeline, encoder, unet } = this.#networks;
    const base = await loraBase(pipeline);
    const joined = async (part: 'unet' | 'text_encoder'): Promise<TensorMap> => {
      const scaled = [];
      for (const { lora, weight } of loras) {
        const plan = await planLora(await openSafetensors((await library.findLora(lora)).path), base);
        scaled.push({ factors: await readFactors(plan, part), scale: weight });
      }
      return joinFactors(scaled);
    };
    return {
      encoder: await encoder.base.patch(await joined('text_encoder')),
      unet: await unet.base.patch(await joined('unet')),
    };
  }

  /** Loads the ControlNet when it is new, encodes its hint, and returns its step. */
  async #open(
    name: string,
    { index, side, prompt_embeds }: { index: number; side: number; prompt_embeds: Tensor<'f32'> },
  ): Promise<ControlStep> {
    const { library, device, pipeline } = this.#networks;
    const { signal } = new AbortController();
    const loaded = this.#controlnets.get(name);
    const controlnet = loaded ?? (await ControlNet.load(device, await library.findControlNet(name), pipeline.unet));
    this.#controlnets.set(name, controlnet);
    const slots = { prompt_embeds: `prompt ${index}`, hint_embedding: `hint ${index}` };
    const tokens = prompt_embeds.shape[1]!;
    const shape = { batch: GUIDED, tokens, height: side / VAE_FACTOR, width: side / VAE_FACTOR };
    await controlnet.encodeHint(shape, f32([1, 3, side, side]), slots.hint_embedding, signal);
    await device.put(slots.prompt_embeds, prompt_embeds);
    const scales = residualScales(controlnet.residuals + 1, 1, false);
    return async (latents, timestep) =>
      (await controlnet.step({ shape, latents, timestep, slots, scales }, signal)).residuals;
  }
}

async function denoised(
  sampler: Sampler,
  count: number,
  predict: (latents: Float32Array, timestep: number) => Promise<Float32Array>,
): Promise<Float32Array> {
  const noise = createBatchNoise([1], count);
  let latents: Float32Array = noise().map((value) => value * sampler.initNoiseSigma);
  for (const [call, timestep] of sampler.timesteps.entries()) {
    const noise_pred = await predict(sampler.scaleModelInput(latents, call), timestep);
    latents = sampler.step(call, noise_pred, latents, noise);
  }
  return latents;
}
