/**
 * Which calls of the model are whole, and which compute its outermost layers only, on what the last whole one left.
 *
 * Every `cache_interval`-th call is whole, whatever was before, so a run that goes on from there goes on the same way. So is the
 * first one of a model, and the first with other weights.
 *
 * Source: DeepCache (Ma et al., CVPR 2024, §3.3, uniform intervals), https://arxiv.org/abs/2312.00858
 */
import type { DeepCache } from '#shared/contracts/generate.ts';
import type { WeightSet } from '#shared/session/device.ts';

interface Call {
  /** From 0. */
  readonly index: number;
  readonly weights: WeightSet;
}

/** See the head of this file. One for each model of a job. */
export class FeatureReuse {
  readonly #interval: number;
  /** Layers of the last up block that a shallow call computes. */
  readonly layers: number;
  #whole: (Call & { readonly isControlled: boolean }) | undefined;

  constructor({ cache_interval, cache_branch_id }: DeepCache) {
    this.#interval = cache_interval;
    this.layers = cache_branch_id + 1;
  }

  /** Whether the last whole call had residuals, the outermost of which a shallow one uses too. */
  get isControlled(): boolean {
    return this.#whole?.isControlled ?? false;
  }

  isShallow({ index, weights }: Call): boolean {
    const latest = index - (index % this.#interval);
    return (
      this.#whole !== undefined && this.#whole.index >= latest && this.#whole.weights === weights && index > latest
    );
  }

  /** A whole call was made. */
  remember({ index, weights }: Call, isControlled: boolean): void {
    this.#whole = { index, weights, isControlled };
  }
}
