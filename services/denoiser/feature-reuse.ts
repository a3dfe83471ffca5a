/**
 * Which calls of the model are whole, and which compute its outermost layers only, on what the last whole one left.
 *
 * Calls outside of `cache_start` … `cache_end` are whole, and inside of it every `cache_interval`-th, counted from the last one
 * before it, whatever was before, so a run that goes on from there goes on the same way. So is the first call of a model, and the
 * first with other weights.
 *
 * Source: DeepCache (Ma et al., CVPR 2024, §3.3, uniform intervals), https://arxiv.org/abs/2312.00858
 */
import type { DeepCache } from '#shared/contracts/generate.ts';
import { isControlled } from '#shared/diffusion/control-window.ts';
import type { WeightSet } from '#shared/session/device.ts';

interface Call {
  /** From 0. */
  readonly index: number;
  readonly weights: WeightSet;
}

/** By call of a run: whether it is to be whole, apart from what the ones before it left. */
export function wholeCalls(
  { cache_interval, cache_start: start, cache_end: end }: DeepCache,
  calls: number,
): readonly boolean[] {
  let sinceWhole = cache_interval;
  return Array.from({ length: calls }, (_, call) => {
    const isWhole = !isControlled({ start, end }, call, calls) || sinceWhole >= cache_interval;
    sinceWhole = isWhole ? 1 : sinceWhole + 1;
    return isWhole;
  });
}

/** See the head of this file. One for each model of a job. */
export class FeatureReuse {
  readonly #isWhole: readonly boolean[];
  /** Layers of the last up block that a shallow call computes. */
  readonly layers: number;
  #whole: (Call & { readonly isControlled: boolean }) | undefined;

  /** calls  of the run, from its first to its last step */
  constructor(cache: DeepCache, calls: number) {
    this.#isWhole = wholeCalls(cache, calls);
    this.layers = cache.cache_branch_id + 1;
  }

  /** Whether the last whole call had residuals, the outermost of which a shallow one uses too. */
  get isControlled(): boolean {
    return this.#whole?.isControlled ?? false;
  }

  isShallow({ index, weights }: Call): boolean {
    const latest = this.#isWhole.lastIndexOf(true, index);
    return (
      this.#whole !== undefined && this.#whole.index >= latest && this.#whole.weights === weights && index > latest
    );
  }

  /** A whole call was made. */
  remember({ index, weights }: Call, isControlled: boolean): void {
    this.#whole = { index, weights, isControlled };
  }
}
