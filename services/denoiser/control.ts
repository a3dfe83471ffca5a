/**
 * The ControlNets of one job, each a session in whichever process holds it. A session is open in its window only, from one
 * call before its first to its last. An instance that is lost in mid-job is replaced: the session is opened again elsewhere
 * from the same inputs, and the step asked again, so the picture stays the same.
 */
import * as controlnet from '#shared/contracts/controlnet.ts';
import type { DenoiseControlNet } from '#shared/contracts/denoiser.ts';
import { isControlled } from '#shared/diffusion/control-window.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import { f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';

/** What all ControlNets of a job share. */
export interface ControlledJob {
  readonly job: string;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  readonly guess_mode: boolean;
  /** Calls of the model, from the first to the last step. */
  readonly calls: number;
  /** The first call that is made, from 0; left out: 0. */
  readonly firstCall?: number;
  /** What the ControlNets' runs are given: `prompt_embeds` f32 [N, T, D], and `add_embeds` f32 [N, A] in SDXL. */
  readonly given: TensorMap;
  readonly deadlineUnixMs: number;
  readonly signal: AbortSignal;
}

/** Instances that one session may lose before the job fails. */
const MAX_REPLACEMENTS = 3;

/** One ControlNet of one job. Its calls are made in their order. */
export class ControlSession {
  readonly #mesh: MeshClient;
  readonly #job: ControlledJob;
  readonly #unit: DenoiseControlNet;
  readonly #hint: Tensor;
  readonly #name: string;
  /** The instance that holds the open session. */
  #instance: Promise<string> | undefined;

  constructor(mesh: MeshClient, job: ControlledJob, control: { unit: DenoiseControlNet; hint: Tensor; index: number }) {
    this.#mesh = mesh;
    this.#job = job;
    this.#unit = control.unit;
    this.#hint = control.hint;
    this.#name = `${job.job}-${control.index}`;
    this.#openFor(job.firstCall ?? 0);
  }

  /**
   * Residuals of one call; undefined outside of its window, where nobody is asked.
   *
   * latents  f32 [B, 4, h, w], scaled for the model
   * @throws MeshError ACTOR_LOST when the session was lost too often
   */
  async step(call: number, latents: Tensor<'f32'>, timestep: number): Promise<TensorMap | undefined> {
    this.#openFor(call + 1);
    const residuals = this.actsIn(call) ? await this.#residuals(latents, timestep) : undefined;
    this.#closeAfter(call);
    return residuals;
  }

  /** Lets a call pass in which it is not asked. */
  skip(call: number): void {
    this.#openFor(call + 1);
    this.#closeAfter(call);
  }

  /** Whether a call lies in its window. */
  actsIn(call: number): boolean {
    const { control_guidance_start: start, control_guidance_end: end } = this.#unit;
    return call < this.#job.calls && isControlled({ start, end }, call, this.#job.calls);
  }

  /** Tells the instance to free the session; failures do not matter, it expires. Idempotent. */
  async close(): Promise<void> {
    const { deadlineUnixMs } = this.#job;
    const instance = this.#instance;
    this.#instance = undefined;
    await instance
      ?.then((holder) => {
        const options = { deadlineUnixMs, signal: new AbortController().signal, instance: holder };
        return this.#mesh.call(controlnet.close, { session: this.#name }, {}, options);
      })
      .catch(() => {});
  }

  #closeAfter(call: number): void {
    if (!this.actsIn(call + 1)) void this.close(); // nobody waits for it, and it does not fail
  }

  /** Whether it loads or not, the call that needs it finds it under way. */
  #openFor(call: number): void {
    if (this.#instance || !this.actsIn(call)) return;
    this.#instance = this.#open();
    this.#instance.catch(() => {}); // reported by the call that needs it, or by nobody when the job ends before
  }

  async #residuals(latents: Tensor<'f32'>, timestep: number): Promise<TensorMap> {
    for (let lost = 0; ; lost++) {
      try {
        this.#instance ??= this.#open();
        return await this.#ask(await this.#instance, latents, timestep);
      } catch (thrown) {
        const error = MeshError.from(thrown);
        void this.close(); // should it still be there, it must not keep the session
        if (error.retry === 'never' || lost >= MAX_REPLACEMENTS || this.#job.signal.aborted) throw error;
      }
    }
  }

  async #ask(instance: string, latents: Tensor<'f32'>, timestep: number): Promise<TensorMap> {
    const { deadlineUnixMs, signal } = this.#job;
    const request = { session: this.#name, timestep };
    const { tensors } = await this.#mesh.call(
      controlnet.step,
      request,
      { latents },
      { deadlineUnixMs, signal, instance },
    );
    return tensors;
  }

  async #open(): Promise<string> {
    const { deadlineUnixMs, signal, height, width, guess_mode, given } = this.#job;
    const { controlnet: name, controlnet_conditioning_scale } = this.#unit;
    const request = {
      session: this.#name,
      controlnet: name,
      height,
      width,
      controlnet_conditioning_scale,
      guess_mode,
      expires_unix_ms: deadlineUnixMs,
    };
    const tensors = { hint: this.#hint, ...given };
    const options = { deadlineUnixMs, signal, holds: [name], turns: this.#calls };
    return (await this.#mesh.call(controlnet.open, request, tensors, options)).instance;
  }

  /** Calls of the model in which it acts. */
  get #calls(): number {
    return Array.from({ length: this.#job.calls }, (_, call) => call).filter((call) => this.actsIn(call)).length;
  }
}

/** The latents as one tensor: shape [B, 4, h, w] from the plain array. */
export function latentsTensor(
  data: Float32Array,
  shape: { batch: number; height: number; width: number },
): Tensor<'f32'> {
  const { batch, height, width } = shape;
  return f32([batch, data.length / (batch * height * width), height, width], data);
}
