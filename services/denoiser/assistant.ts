/**
 * The half of somebody else's job that this denoiser computes while it has nothing to do.
 *
 * Owns      the half, its ControlNet sessions, its lease on patched weights.
 *
 * Invariants
 *   H1  A half is taken by a denoiser without work and without another half only.
 *   H2  A job of its own begins by giving the half up: the next call for it is answered with ACTOR_LOST.
 *   H3  The half goes with the instance that asked for it.
 */
import type { LoraLease, LoraWeights } from '#shared/adapters/lora-weights.ts';
import type { AssistRequest, AssistStepRequest } from '#shared/contracts/denoiser.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import type { WeightSet } from '#shared/session/device.ts';
import { f32, pick } from '#shared/tensor/tensor.ts';
import { ControlledUnet } from './controlled-unet.ts';
import type { Unet } from './unet.ts';

/** What an assistant works with. */
export interface AssistantParts {
  readonly unet: Unet;
  readonly loras: LoraWeights;
  readonly mesh: MeshClient;
  /** Aborts when an instance is lost. */
  readonly lost: (instance: string) => AbortSignal;
}

/** The half that is computed here. */
interface Half {
  readonly name: string;
  readonly model: ControlledUnet;
  readonly lease: Promise<LoraLease>;
  readonly abort: AbortController;
}

/** See the head of this file. */
export class Assistant {
  readonly #parts: AssistantParts;
  #half: Half | undefined;

  constructor(parts: AssistantParts) {
    this.#parts = parts;
  }

  /** Whether there is a half. */
  get isBusy(): boolean {
    return this.#half !== undefined;
  }

  /** Takes a half, unless there is one or `hasWork`. */
  async open(
    { body, tensors, deadlineUnixMs }: ServedRequest<AssistRequest>,
    hasWork: boolean,
  ): Promise<ServedReply<{ is_accepted: boolean }>> {
    if (hasWork || this.#half) return { body: { is_accepted: false } };
    const { half: name, asker, loras, ...rest } = body;
    const prompt_embeds = pick(tensors, 'prompt_embeds', 'f32');
    const abort = new AbortController();
    const { signal } = abort;
    const seen = { prompt_embeds, control_embeds: prompt_embeds, batch: prompt_embeds.shape[0]! };
    const model = new ControlledUnet(this.#parts, { ...rest, ...seen, name, hints: tensors, deadlineUnixMs, signal });
    const lease = this.#parts.loras.acquire(loras, { deadlineUnixMs, signal });
    lease.catch(() => {}); // told by the first call that needs it
    this.#half = { name, model, lease, abort };
    this.#parts.lost(asker).addEventListener('abort', () => void this.end(name), { signal });
    return { body: { is_accepted: true } };
  }

  /** One call. @throws MeshError ACTOR_LOST when the half is not here (any more) */
  async step(
    { body, tensors }: ServedRequest<AssistStepRequest>,
    signal: AbortSignal,
  ): Promise<ServedReply<{ run_ms: number }>> {
    const half = this.#half;
    if (half?.name !== body.half) {
      throw new MeshError('ACTOR_LOST', `The half ${body.half} is not here any more; compute it yourself.`);
    }
    const latents = pick(tensors, 'latents', 'f32');
    const weights = await this.#weights(half, body.is_adapted);
    const call = {
      index: body.call,
      timestep: body.timestep,
      latents: latents.data,
      weights,
      isAdapted: body.is_adapted,
      signal: AbortSignal.any([signal, half.abort.signal]),
    };
    const { noise_pred, runMs } = await half.model.predict(call);
    return { body: { run_ms: runMs }, tensors: { noise_pred: f32(latents.shape, noise_pred) } };
  }

  /** Forgets the half of that name, or whichever there is; idempotent. */
  async end(name = this.#half?.name): Promise<void> {
    const half = this.#half;
    if (!half || half.name !== name) return;
    this.#half = undefined;
    half.abort.abort(new MeshError('ACTOR_LOST', `The half ${half.name} was given up; compute it yourself.`));
    half.lease.then((lease) => lease.release()).catch(() => {});
    await half.model.close();
  }

  async #weights(half: Half, isAdapted: boolean): Promise<WeightSet> {
    return isAdapted ? (await half.lease).weights : this.#parts.loras.base;
  }
}
