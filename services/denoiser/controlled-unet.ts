/**
 * The UNet and a job's ControlNets on what one job is given: both halves of guidance in one run, or one half by itself. Per
 * call the latents go to every ControlNet while the UNet's first half runs; their residuals are summed and enter the second.
 *
 * Source: the split and its single meeting point per step are the paper's (Katz, ATC'25, §4.1).
 */
import type { DenoiseControlNet } from '#shared/contracts/denoiser.ts';
import type { DeepCache } from '#shared/contracts/generate.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import type { WeightSet } from '#shared/session/device.ts';
import { repeatBatch, VAE_FACTOR } from '#shared/tensor/latents.ts';
import { pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { ControlSession } from './control.ts';
import { ControlGroup } from './control-group.ts';
import { FeatureReuse } from './feature-reuse.ts';
import { promptShape } from './halves.ts';
import type { Unet } from './unet.ts';

/** What stays the same over a job's calls. */
export interface Conditioning {
  /** Of its ControlNet sessions, and of its place on the device. */
  readonly name: string;
  /** Pictures. */
  readonly batch: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  readonly guess_mode: boolean;
  readonly deep_cache?: DeepCache | undefined;
  /** Calls that one answer of the ControlNets is for; left out: 1. */
  readonly controlnet_every?: number | undefined;
  readonly controlnets: readonly DenoiseControlNet[];
  /** `hint_0` …, u8 [1, 3, H, W]. */
  readonly hints: TensorMap;
  /** What the UNet takes by the names of its inputs, f32 [N, …]: N is B for one half, 2B for both. */
  readonly given: TensorMap;
  /** What the ControlNets see of it: the same batch, or its second half alone. */
  readonly control: TensorMap;
  /** Calls of the model, from the first to the last step. */
  readonly calls: number;
  /** The first call that is made, from 0; left out: 0. */
  readonly firstCall?: number;
  readonly deadlineUnixMs: number;
  readonly signal: AbortSignal;
}

/** One call of the model. */
export interface ModelCall {
  /** From 0. */
  readonly index: number;
  readonly timestep: number;
  /** f32 [B, 4, h, w], scaled for the model; not handed over. */
  readonly latents: Float32Array;
  readonly weights: WeightSet;
  /** Whether the weights are those with the job's LoRAs. */
  readonly isAdapted: boolean;
  readonly signal: AbortSignal;
}

/** What the model says. */
export interface Prediction {
  /** f32 [N, 4, h, w] */
  readonly noise_pred: Float32Array;
  /** Time in the UNet's runs, ms. */
  readonly runMs: number;
}

/** See the head of this file. Its calls are made one after the other, and so are those of others on the same UNet. */
export class ControlledUnet {
  readonly #unet: Unet;
  readonly #conditioning: Conditioning;
  readonly #latentShape: { readonly batch: number; readonly height: number; readonly width: number };
  readonly #controls: ControlGroup;
  readonly #reuse: FeatureReuse | undefined;
  #begun: Promise<void> | undefined;

  /** ControlNets are opened at once; the device is not touched before the first call. */
  constructor(parts: { readonly unet: Unet; readonly mesh: MeshClient }, conditioning: Conditioning) {
    const { name, height, width, controlnets, hints, control, deep_cache, controlnet_every, ...rest } = conditioning;
    this.#unet = parts.unet;
    this.#conditioning = conditioning;
    this.#reuse = deep_cache && new FeatureReuse(deep_cache, conditioning.calls);
    const [latentHeight, latentWidth] = [height / VAE_FACTOR, width / VAE_FACTOR];
    this.#latentShape = { batch: conditioning.batch, height: latentHeight, width: latentWidth };
    const shared = { ...rest, job: name, height, width, given: control };
    const sessions = controlnets.map((unit, index) => {
      const hint = pick(hints, `hint_${index}`, 'u8', [1, 3, height, width]);
      return new ControlSession(parts.mesh, shared, { unit, hint, index });
    });
    const seesHalf = promptShape(control).batch !== promptShape(conditioning.given).batch;
    const options = { every: controlnet_every ?? 1, seesHalf, latentShape: this.#latentShape };
    this.#controls = new ControlGroup(sessions, options);
  }

  /** @throws MeshError what the ControlNets and the device throw; the signal's reason */
  async predict(call: ModelCall): Promise<Prediction> {
    const { name, given } = this.#conditioning;
    this.#begun ??= this.#unet.begin(name, given);
    await this.#begun;
    const { batch, tokens } = promptShape(given);
    const { weights, signal, timestep } = call;
    const deep = this.#reuse && { deepLayers: this.#reuse.layers };
    const shape = { ...this.#latentShape, batch, tokens, ...deep };
    const job = { prompt: name, shape, weights, signal, keepsResiduals: this.#controls.keeps };
    const latents = repeatBatch(call.latents, batch / this.#latentShape.batch);
    if (this.#reuse?.isShallow(call)) {
      return this.#unet.shallow(job, { latents, timestep, isControlled: this.#reuse.isControlled });
    }
    const [residuals, downMs] = await Promise.all([
      this.#controls.residuals(call),
      this.#unet.down(job, latents, timestep),
    ]);
    signal.throwIfAborted();
    const isControlled = residuals !== undefined;
    const { noise_pred, runMs } = await this.#unet.up(job, residuals);
    this.#reuse?.remember(call, isControlled);
    return { noise_pred, runMs: downMs + runMs };
  }

  /** Frees what lies on the device and in the ControlNets. */
  async close(): Promise<void> {
    await this.#begun?.catch(() => {}); // told by the call that began it
    await Promise.all([this.#unet.forget(this.#conditioning.name), this.#controls.close()]);
  }
}
