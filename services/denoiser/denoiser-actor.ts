/**
 * The denoiser: one job per turn. Per step the latents go to every ControlNet while the UNet's first half runs; their
 * residuals are summed and enter the second half; guidance and sampler make the next latents.
 *
 * Source: the split and its single meeting point per step are the paper's (Katz, ATC'25, §4.1).
 */
import type { Offer } from '#shared/actor/actor.ts';
import type { LoraWeights } from '#shared/adapters/lora-weights.ts';
import type { DenoiseReply, DenoiseRequest } from '#shared/contracts/denoiser.ts';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { applyGuidanceToHalves } from '#shared/diffusion/guidance.ts';
import { createBatchNoise } from '#shared/diffusion/noise.ts';
import type { Sampler } from '#shared/diffusion/sampler.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import { withSpan } from '#shared/telemetry/tracing.ts';
import { requireFinite } from '#shared/tensor/finite.ts';
import type { SchedulerConfig } from '#shared/tensor/network-config.ts';
import { f32, pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { ControlSession, latentsTensor } from './control.ts';
import { JobWeights } from './job-weights.ts';
import { sumResiduals, withZeroUnconditional } from './residuals.ts';
import type { Unet, UnetJob, UnetShape } from './unet.ts';
import { WaitingLine } from './waiting-line.ts';

/** What a denoiser is made of. */
export interface DenoiserParts {
  readonly unet: Unet;
  readonly loras: LoraWeights;
  readonly mesh: MeshClient;
  readonly scheduler: SchedulerConfig;
  readonly latentChannels: number;
  /** Tells whoever listens how far a job is. */
  readonly progress: (progress: Progress) => void;
}

/** A job after one of its steps. */
export interface Progress {
  readonly job: string;
  /** 1 … steps, counted in model calls. */
  readonly step: number;
  readonly steps: number;
  /** f32 [B, 4, h, w] */
  readonly latents: Float32Array;
}

type Request = ServedRequest<DenoiseRequest>;
type Reply = ServedReply<DenoiseReply>;

/** The steps of a job, to be run in its turn. */
export type Work = (signal: AbortSignal) => Promise<Reply>;

/** Latent pixels are 8 × 8 pixels. */
const VAE_FACTOR = 8;

/**
 * The denoiser's handler. What a job needs beside the device begins before its turn; its steps are its turn.
 *
 * inTurn   runs the work when nothing else runs on the device
 */
export function denoise(
  parts: DenoiserParts,
  inTurn: Offer<Work, Reply> = (work, signal) => work(signal),
): (request: Request, signal: AbortSignal) => Promise<Reply> {
  const line = new WaitingLine();
  return async (request, signal) => {
    const options = { deadlineUnixMs: request.deadlineUnixMs, signal };
    const weights = new JobWeights(parts.loras, request.body, options);
    line.join(weights);
    try {
      return await inTurn((turnSignal) => {
        line.leave(weights);
        return runJob(new DenoiseJob(parts, { request, weights }, turnSignal));
      }, signal);
    } finally {
      line.leave(weights);
      weights.release();
    }
  };
}

async function runJob(job: DenoiseJob): Promise<Reply> {
  try {
    return await job.run();
  } finally {
    await job.close();
  }
}

/** One job's way from noise to latents. */
class DenoiseJob {
  readonly #parts: DenoiserParts;
  readonly #body: DenoiseRequest;
  readonly #request: Request;
  readonly #signal: AbortSignal;
  readonly #weights: JobWeights;
  readonly #sampler: Sampler;
  readonly #noise: () => Float32Array;
  readonly #isGuided: boolean;
  readonly #latentShape: { readonly batch: number; readonly height: number; readonly width: number };
  #controls: ControlSession[] = [];
  #runMs = 0;

  constructor(
    parts: DenoiserParts,
    { request, weights }: { request: Request; weights: JobWeights },
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#request = request;
    this.#weights = weights;
    this.#signal = signal;
    const { body } = request;
    this.#body = body;
    const batch = pick(request.tensors, 'prompt_embeds', 'f32').shape[0]!;
    this.#isGuided = body.guidance_scale > 1;
    this.#latentShape = { batch, height: body.height / VAE_FACTOR, width: body.width / VAE_FACTOR };
    this.#sampler = createSampler(body.sampler, {
      schedule: parts.scheduler,
      steps: body.steps,
      eta: body.eta,
    });
    const { height, width } = this.#latentShape;
    this.#noise = jobNoise(body.seeds, batch, parts.latentChannels * height * width);
  }

  async run(): Promise<Reply> {
    this.#weights.begin();
    this.#openControls();
    const shape = await this.#bringPrompt();
    const calls = this.#sampler.timesteps.length;
    let latents = scale(this.#noise(), this.#sampler.initNoiseSigma);
    for (let call = 0; call < calls; call++) {
      this.#signal.throwIfAborted();
      const weights = await this.#weights.forCall(call, { steps: this.#body.steps, calls });
      const unetJob = { shape, weights, signal: this.#signal };
      latents = await withSpan('step', { attributes: { 'latentmesh.step': call + 1, 'latentmesh.steps': calls } }, () =>
        this.#step(unetJob, latents, call),
      );
      requireFinite(latents, `The latents after step ${call + 1} of ${calls}`, 'UNet');
      this.#parts.progress({ job: this.#body.job, step: call + 1, steps: calls, latents });
    }
    return {
      body: { run_ms: this.#runMs, steps: calls, lora_entered_step: this.#weights.enteredStep },
      tensors: { latents: latentsTensor(latents, this.#latentShape) },
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#parts.unet.forget(), ...this.#controls.map((control) => control.close())]);
  }

  /** The embeddings of both halves, unconditional first, go to the device. */
  async #bringPrompt(): Promise<UnetShape> {
    const { tensors } = this.#request;
    const prompt_embeds = this.#isGuided ? joinHalves(tensors) : pick(tensors, 'prompt_embeds', 'f32');
    await this.#parts.unet.begin(prompt_embeds);
    const [batch, tokens] = prompt_embeds.shape;
    return { ...this.#latentShape, batch: batch!, tokens: tokens! };
  }

  #openControls(): void {
    const { tensors, deadlineUnixMs } = this.#request;
    const { job, height, width, guess_mode } = this.#body;
    const seesBothHalves = this.#isGuided && !guess_mode;
    const prompt_embeds = seesBothHalves ? joinHalves(tensors) : pick(tensors, 'prompt_embeds', 'f32');
    const calls = this.#sampler.timesteps.length;
    const shared = { job, height, width, guess_mode, calls, prompt_embeds, deadlineUnixMs, signal: this.#signal };
    this.#controls = this.#body.controlnets.map((unit, index) => {
      const hint = pick(tensors, `hint_${index}`, 'u8', [1, 3, height, width]);
      return new ControlSession(this.#parts.mesh, shared, { unit, hint, index });
    });
  }

  async #step(unetJob: UnetJob, latents: Float32Array, call: number): Promise<Float32Array> {
    const sampler = this.#sampler;
    const timestep = sampler.timesteps[call]!;
    const scaled = sampler.scaleModelInput(latents, call);
    const [residuals, downMs] = await Promise.all([
      this.#residuals(scaled, timestep, call),
      this.#parts.unet.down(unetJob, this.#isGuided ? repeatHalves(scaled) : scaled.slice(), timestep),
    ]);
    this.#signal.throwIfAborted();
    const { noise_pred, runMs } = await this.#parts.unet.up(unetJob, residuals);
    this.#runMs += downMs + runMs;
    const guided = this.#isGuided ? applyGuidanceToHalves(noise_pred, this.#body.guidance_scale) : noise_pred;
    return sampler.step(call, guided, latents, () => this.#noise());
  }

  /** The sum over the ControlNets that act in this call; undefined when none does. */
  async #residuals(scaled: Float32Array, timestep: number, call: number): Promise<TensorMap | undefined> {
    const latents = latentsTensor(scaled, this.#latentShape);
    const all = await Promise.all(this.#controls.map((control) => control.step(call, latents, timestep)));
    const sum = sumResiduals(all.filter((residuals) => residuals !== undefined));
    return sum && this.#isGuided && this.#body.guess_mode ? withZeroUnconditional(sum) : sum;
  }
}

/**
 * The random draws of a job, [B, 4, h, w] each: one generator for each picture, or one for all.
 * @throws MeshError INVALID_REQUEST when the seeds are neither one nor one for each picture
 */
function jobNoise(seeds: readonly number[], batch: number, countPerPicture: number): () => Float32Array {
  if (seeds.length !== 1 && seeds.length !== batch) {
    throw new MeshError('INVALID_REQUEST', `${seeds.length} seeds for ${batch} pictures.`, { path: 'seeds' });
  }
  return createBatchNoise(seeds, (countPerPicture * batch) / seeds.length);
}

function scale(values: Float32Array, factor: number): Float32Array {
  return factor === 1 ? values : values.map((value) => value * factor);
}

/** [B, …] → [2B, …], the same values in both halves. */
function repeatHalves(values: Float32Array): Float32Array {
  const both = new Float32Array(values.length * 2);
  both.set(values);
  both.set(values, values.length);
  return both;
}

/** [negative | prompt], f32 [2B, T, D]. */
function joinHalves(tensors: TensorMap): Tensor<'f32'> {
  const prompt = pick(tensors, 'prompt_embeds', 'f32');
  const negative = pick(tensors, 'negative_prompt_embeds', 'f32', prompt.shape);
  const data = new Float32Array(prompt.data.length * 2);
  data.set(negative.data);
  data.set(prompt.data, negative.data.length);
  return f32([prompt.shape[0]! * 2, ...prompt.shape.slice(1)], data);
}
