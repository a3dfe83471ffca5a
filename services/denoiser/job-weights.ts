/**
 * The weights of one job's steps: the base until its LoRAs enter, then the set with them. LoRAs are fetched and multiplied
 * beside the steps that need none.
 *
 * Source: denoising that starts before its LoRA is there is the paper's (Katz, ATC'25, §4.2); a step at which it enters
 * whatever was cached is ours.
 */
import { AsyncResource } from 'node:async_hooks';
import type { LoraLease, LoraWeights } from '#shared/adapters/lora-weights.ts';
import type { LoraStart } from '#shared/contracts/generate.ts';
import type { PinnedLora } from '#shared/contracts/lora.ts';
import { type StepCalls, stepBeginningAt } from '#shared/diffusion/step-calls.ts';
import type { MeshCallOptions } from '#shared/placement/mesh-client.ts';
import type { WeightSet } from '#shared/session/device.ts';
import { withSpan } from '#shared/telemetry/tracing.ts';

/** What a job asks for. */
export interface LoraWish {
  readonly loras: readonly PinnedLora[];
  readonly lora_start: LoraStart;
}

/** Where another run of the job has come to. */
export interface Resumed {
  /** The first step with LoRAs, from 0; null while there was none. */
  readonly enteredStep: number | null;
  /** The first call that is still to be made. */
  readonly call: number;
}

/** What is known of the LoRAs: nothing yet, that they are there, or why they never will be. */
type Outcome = { readonly lease: LoraLease } | { readonly error: unknown };

/** See the head of this file. */
export class JobWeights {
  readonly #base: WeightSet;
  readonly #wish: LoraWish;
  readonly #abort = new AbortController();
  readonly #acquire: () => Promise<LoraLease>;
  #acquiring: Promise<LoraLease> | undefined;
  #outcome: Outcome | undefined;
  #entered: LoraLease | undefined;
  #enteredStep: number | null = null;
  #resumed: Resumed | undefined;

  constructor(loras: LoraWeights, wish: LoraWish, options: MeshCallOptions) {
    this.#base = loras.base;
    this.#wish = wish;
    const signal = AbortSignal.any([options.signal, this.#abort.signal]);
    // Bound to the job that asks: another one's end may be what begins it.
    this.#acquire = AsyncResource.bind(() => loras.acquire(wish.loras, { ...options, signal }));
  }

  /** The step that was the first with LoRAs, from 0; null while there is none, and where the UNet has none. */
  get enteredStep(): number | null {
    return this.#enteredStep;
  }

  /** Begins to fetch and multiply; idempotent. Failures are told by `forCall`. */
  begin(): void {
    if (this.#acquiring) return;
    this.#acquiring = this.#acquire();
    this.#acquiring.then(
      (lease) => {
        this.#outcome = { lease };
      },
      (error: unknown) => {
        this.#outcome = { error };
      },
    );
  }

  /** Goes on where another run was: LoRAs that had entered enter at the same step, others not before the first call to be made. */
  resume(resumed: Resumed): void {
    this.#resumed = resumed;
  }

  /**
   * The weights of one call of the model; waits for the LoRAs where the job does. They enter where a step begins, so
   * every picture can be made again by the step that is told.
   * @throws MeshError what `LoraWeights.acquire` throws, as soon as it is known
   */
  async forCall(call: number, run: StepCalls): Promise<WeightSet> {
    this.begin();
    if (this.#outcome && 'error' in this.#outcome) throw this.#outcome.error;
    const step = stepBeginningAt(call, run);
    if (!this.#entered && step !== undefined && this.#entersAt(step, call)) await this.#enter(step);
    return this.#entered?.weights ?? this.#base;
  }

  /** Lets go of the set; one that is still being made is given up. Idempotent. */
  release(): void {
    this.#abort.abort();
    this.#acquiring?.then(
      (lease) => lease.release(),
      () => {},
    );
  }

  #entersAt(step: number, call: number): boolean {
    const { enteredStep = null, call: firstCall = 0 } = this.#resumed ?? {};
    if (enteredStep !== null) return step >= enteredStep;
    if (call < firstCall) return false;
    const start = this.#wish.lora_start;
    if (start === 'exact') return true;
    if ('at_step' in start) return step >= start.at_step;
    return step >= start.max_steps || this.#outcome !== undefined;
  }

  async #enter(step: number): Promise<void> {
    if (this.#wish.loras.length === 0) return;
    const attributes = { 'latentmesh.lora.step': step, 'latentmesh.lora.waited': this.#outcome === undefined };
    this.#entered = await withSpan('lora.enter', { attributes }, () => this.#acquiring!);
    if (this.#entered.key !== '') this.#enteredStep = step;
  }
}
