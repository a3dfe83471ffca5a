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
import type { Offer } from '#shared/actor/actor.ts';
import type { LoraLease, LoraWeights } from '#shared/adapters/lora-weights.ts';
import {
  type AssistRequest,
  type AssistStepRequest,
  assist,
  assistEnd,
  assistStep,
} from '#shared/contracts/denoiser.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import { type ServedOperation, type ServedReply, type ServedRequest, served } from '#shared/service/serve.ts';
import type { WeightSet } from '#shared/session/device.ts';
import { f32, pick } from '#shared/tensor/tensor.ts';
import { ControlledUnet } from './controlled-unet.ts';
import { controlInputs, givenOf, promptShape } from './halves.ts';
import type { Unet } from './unet.ts';

/** What an assistant works with. */
export interface AssistantParts {
  readonly unet: Unet;
  readonly loras: LoraWeights;
  readonly mesh: MeshClient;
  /** Aborts when an instance is lost. */
  readonly lost: (instance: string) => AbortSignal;
  /** Runs the work when nothing else runs on the device. */
  readonly inTurn: Offer<AssistedCall, StepReply>;
}

type StepReply = ServedReply<{ run_ms: number }>;

/** One call of the half, to be run in its turn. */
export type AssistedCall = (signal: AbortSignal) => Promise<StepReply>;

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

  /** In turns: whoever lends itself is not idle, and better than one with a job. */
  get load(): number {
    return this.#half ? 0.5 : 0;
  }

  /** Takes a half, unless there is one or `hasWork`. */
  async open(
    { body, tensors, deadlineUnixMs }: ServedRequest<AssistRequest>,
    hasWork: boolean,
  ): Promise<ServedReply<{ is_accepted: boolean }>> {
    if (hasWork || this.#half) return { body: { is_accepted: false } };
    const { half: name, asker, loras, ...rest } = body;
    const given = givenOf(tensors);
    const abort = new AbortController();
    const { signal } = abort;
    const seen = { given, control: controlInputs(given), batch: promptShape(given).batch };
    const model = new ControlledUnet(this.#parts, { ...rest, ...seen, name, hints: tensors, deadlineUnixMs, signal });
    const lease = this.#parts.loras.acquire(loras, { deadlineUnixMs, signal });
    lease.catch(() => {}); // told by the first call that needs it
    this.#half = { name, model, lease, abort };
    this.#parts.lost(asker).addEventListener('abort', () => void this.end(name), { signal });
    return { body: { is_accepted: true } };
  }

  /**
   * One call, in its turn. @throws MeshError ACTOR_LOST when the half is not here (any more), at once: the asker must not
   * wait behind the job that took its place
   */
  async step(request: ServedRequest<AssistStepRequest>, signal: AbortSignal): Promise<StepReply> {
    this.#require(request.body.half);
    return this.#parts.inTurn((turnSignal) => this.#compute(request, turnSignal), signal);
  }

  async #compute({ body, tensors }: ServedRequest<AssistStepRequest>, signal: AbortSignal): Promise<StepReply> {
    const half = this.#require(body.half);
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

  #require(name: string): Half {
    if (this.#half?.name === name) return this.#half;
    throw new MeshError('ACTOR_LOST', `The half ${name} is not here any more; compute it yourself.`);
  }

  async #weights(half: Half, isAdapted: boolean): Promise<WeightSet> {
    return isAdapted ? (await half.lease).weights : this.#parts.loras.base;
  }
}

/** What others ask of an assistant. */
export function assistOperations(assistant: Assistant, hasWork: () => boolean): ServedOperation[] {
  return [
    served(assist, async (request) => assistant.open(request, hasWork())),
    served(assistStep, (request, signal) => assistant.step(request, signal)),
    served(assistEnd, async ({ body }) => {
      await assistant.end(body.half);
      return { body: {} };
    }),
  ];
}
