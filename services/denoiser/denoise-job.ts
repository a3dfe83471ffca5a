/**
 * One job of the denoiser: per step the model with its ControlNets predicts noise (guidance.ts), and the sampler makes the
 * next latents of it.
 */
import type { DenoiseReply, DenoiseRequest } from '#shared/contracts/denoiser.ts';
import type { CleanEstimate } from '#shared/diffusion/clean-estimate.ts';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { refinerCall } from '#shared/diffusion/refiner-call.ts';
import type { Sampler } from '#shared/diffusion/sampler.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import type { WeightSet } from '#shared/session/device.ts';
import { recordSpan, withSpan } from '#shared/telemetry/tracing.ts';
import { requireFinite } from '#shared/tensor/finite.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import { pick } from '#shared/tensor/tensor.ts';
import type { Checkpoints } from './checkpoints.ts';
import { latentsTensor } from './control.ts';
import type { Conditioning } from './controlled-unet.ts';
import type { DenoiserParts } from './denoiser-parts.ts';
import { DistantHalf } from './distant-half.ts';
import { wholeCalls } from './feature-reuse.ts';
import type { Guidance } from './guidance.ts';
import { openGuidedRun } from './guided-run.ts';
import { type JobNoise, jobNoise } from './job-noise.ts';
import type { JobWeights } from './job-weights.ts';
import { openRefiner, RefinedGuidance } from './refined-run.ts';
import { type RunStart, startRun } from './run-start.ts';

type Request = ServedRequest<DenoiseRequest>;
type Reply = ServedReply<DenoiseReply>;

/** What a job is given of its denoiser. */
export interface JobParts extends DenoiserParts {
  /** For previews. */
  readonly estimate: CleanEstimate;
}

/** What is a job's own. */
export interface OwnParts {
  readonly request: Request;
  readonly weights: JobWeights;
  readonly checkpoints: Checkpoints | undefined;
}

/** One job's way from noise to latents. */
export class DenoiseJob {
  readonly #parts: JobParts;
  readonly #body: DenoiseRequest;
  readonly #request: Request;
  readonly #signal: AbortSignal;
  readonly #weights: JobWeights;
  readonly #checkpoints: Checkpoints | undefined;
  readonly #sampler: Sampler;
  /** The calls of the whole schedule from which on another UNet is asked, and its sampler, which remembers nothing of those before. */
  readonly #refined: { readonly call: number; readonly sampler: Sampler } | undefined;
  readonly #noise: JobNoise;
  readonly #latentShape: { readonly batch: number; readonly height: number; readonly width: number };
  #guidance: Guidance | undefined;
  #runMs = 0;
  /** What the clean latents would be by the latest call. */
  #clean: (() => Float32Array) | undefined;

  constructor(parts: JobParts, { request, weights, checkpoints }: OwnParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#request = request;
    this.#weights = weights;
    this.#checkpoints = checkpoints;
    this.#signal = signal;
    const { body } = request;
    this.#body = body;
    const batch = pick(request.tensors, 'prompt_embeds', 'f32').shape[0]!;
    this.#latentShape = { batch, height: body.height / VAE_FACTOR, width: body.width / VAE_FACTOR };
    this.#sampler = samplerOf(body, parts);
    this.#refined = body.refiner && {
      call: refinerCall(this.#sampler, body.refiner.denoising_start, parts.scheduler),
      sampler: samplerOf(body, parts),
    };
    const { height, width } = this.#latentShape;
    this.#noise = jobNoise(body, [batch, parts.unet.config.outChannels, height, width]);
  }

  async run(): Promise<Reply> {
    this.#weights.begin();
    const start = this.#start();
    const calls = this.#sampler.timesteps.length - start.call;
    const steps = this.#body.steps - (this.#body.start?.first_step ?? 0);
    this.#goBack(calls);
    const guidance = this.#resumable(this.#openGuidance(calls, start));
    this.#guidance = guidance;
    let latents = start.latents;
    for (let call = 0; call < calls; call++) {
      this.#signal.throwIfAborted();
      const weights = await this.#weights.forCall(call, { steps, calls });
      if (call < this.#firstCall) {
        latents = await this.#step(guidance, weights, { latents, call, start });
        continue;
      }
      latents = await withSpan('step', { attributes: { 'latentmesh.step': call + 1, 'latentmesh.steps': calls } }, () =>
        this.#step(guidance, weights, { latents, call, start }),
      );
      requireFinite(latents, `The latents after step ${call + 1} of ${calls}`, 'UNet');
      this.#tell(call + 1, calls, latents);
    }
    return {
      body: { run_ms: this.#runMs, steps: calls, lora_entered_step: this.#weights.enteredStep },
      tensors: { latents: latentsTensor(latents, this.#latentShape) },
    };
  }

  /** The first call that no other run of the job has made. */
  get #firstCall(): number {
    return this.#checkpoints?.calls ?? 0;
  }

  /** To a call that needs nothing of the ones before it. */
  #goBack(calls: number): void {
    const { deep_cache, controlnet_every = 1 } = this.#body;
    const isWhole = deep_cache && wholeCalls(deep_cache, calls);
    this.#checkpoints?.goBackTo((call) => isWhole?.[call] !== false && call % controlnet_every === 0);
  }

  /** The model, as far as another run of the job has come without computing anything. */
  #resumable(guidance: Guidance): Guidance {
    const known = this.#checkpoints;
    if (!known) return guidance;
    if (known.calls > 0) {
      this.#weights.resume({ enteredStep: known.loraEnteredStep, call: known.calls });
      const now = Date.now();
      recordSpan('resumed', now, now, { 'latentmesh.step': known.calls });
    }
    return known.around(guidance, () => this.#weights.enteredStep);
  }

  async close(): Promise<void> {
    await this.#guidance?.close();
  }

  /** The first step as well, so that something is seen soon; the last one is the picture itself. */
  #isPreviewed(step: number, steps: number): boolean {
    const { preview_every: every = 0 } = this.#body;
    return every > 0 && step < steps && (step === 1 || step % every === 0);
  }

  #openGuidance(calls: number, { call: startCall, conditioning: inpaint }: RunStart): Guidance {
    const { unet, mesh, distant } = this.#parts;
    const { job, height, width, guess_mode, deep_cache, controlnet_every, controlnets, loras } = this.#body;
    const { tensors, deadlineUnixMs } = this.#request;
    const parts = {
      unet,
      mesh,
      ...(distant && {
        openDistant: (half: Conditioning): Promise<DistantHalf | undefined> => DistantHalf.open(distant, half, loras),
      }),
    };
    const { batch } = this.#latentShape;
    const shared = {
      batch,
      height,
      width,
      guess_mode,
      deep_cache,
      controlnet_every,
      controlnets,
      calls,
      firstCall: this.#firstCall,
      deadlineUnixMs,
      signal: this.#signal,
    };
    const guided = { ...shared, name: job, hints: tensors };
    const request = { body: this.#body, tensors, inpaint };
    const model = openGuidedRun(parts, guided, request);
    if (!this.#refined) return model;
    const refiner = this.#parts.refiner ?? noRefiner();
    const open = (): Guidance => openRefiner(mesh, { unet: refiner, job: guided, request });
    return new RefinedGuidance(model, this.#refined.call - startCall, open);
  }

  async #step(
    guidance: Guidance,
    weights: WeightSet,
    { latents, call, start }: { latents: Float32Array; call: number; start: RunStart },
  ): Promise<Float32Array> {
    const at = start.call + call;
    const sampler = this.#refined && at >= this.#refined.call ? this.#refined.sampler : this.#sampler;
    const input = sampler.scaleModelInput(latents, at);
    const { noise_pred, runMs } = await guidance.predict({
      index: call,
      timestep: sampler.timesteps[at]!,
      latents: input,
      weights,
      isAdapted: weights !== this.#parts.loras.base,
      signal: this.#signal,
    });
    this.#runMs += runMs;
    this.#clean = () => this.#parts.estimate(input, noise_pred, sampler.timesteps[at]!);
    const next = sampler.step(at, noise_pred, latents, () => this.#noise.next());
    return start.hold(next, at);
  }

  #start(): RunStart {
    const { batch, height, width } = this.#latentShape;
    return startRun({
      start: this.#body.start,
      tensors: this.#request.tensors,
      sampler: this.#sampler,
      shape: [batch, this.#parts.unet.config.outChannels, height, width],
      noise: this.#noise.next,
      firstNoise: this.#noise.first,
    });
  }

  #tell(call: number, calls: number, latents: Float32Array): void {
    const { job, other_calls: others = { before: 0, after: 0 } } = this.#body;
    const step = others.before + call;
    const steps = others.before + calls + others.after;
    const clean = this.#isPreviewed(step, steps) && this.#clean?.();
    const preview = clean ? { clean: latentsTensor(clean, this.#latentShape) } : {};
    this.#parts.progress({ job, step, steps, latents, ...preview });
  }
}

function samplerOf({ sampler, steps, eta, schedule }: DenoiseRequest, { scheduler, unet }: DenoiserParts): Sampler {
  const isSdxl = unet.config.added !== undefined;
  return createSampler(sampler, { config: scheduler, steps, ...(eta !== undefined && { eta }), schedule, isSdxl });
}

function noRefiner(): never {
  throw new MeshError('UNSUPPORTED_OPTION', 'This denoiser has no refiner: start it with LATENTMESH_REFINER.');
}
