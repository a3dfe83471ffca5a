/** LoRA, and LoCon, which is LoRA on convolutions: up @ down. */
import type { Shape } from '#shared/tensor/tensor.ts';
import { type AdapterKind, asMatrix, type ModuleFit, withoutOnes } from './adapter-kind.ts';
import { foldCore, isCore } from './tucker.ts';

/** down [R, I] or [R, I, K, K], up [O, R] or [O, R, 1, 1]; with a core mid [R, S, K, K] and down [S, I, 1, 1]. */
export const LOW_RANK: AdapterKind = {
  name: 'LoRA',
  marks: ['up', 'down', 'mid'],
  complete: [['up', 'down']],
  optional: ['mid', 'alpha', 'dora_scale', 'magnitude'],
  fit({ up, down, mid }) {
    const outer = withoutOnes(up!);
    const inner = withoutOnes(down!);
    if (outer.length !== 2 || inner.length < 2) return undefined;
    return mid ? fitCore(outer, inner, mid) : fitPair(outer, inner);
  },
  change({ up, down, mid }) {
    return { kind: 'low_rank', up: asMatrix(up!), down: mid ? foldCore(mid, asMatrix(down!)) : asMatrix(down!) };
  },
};

function fitPair([outputs, rank]: Shape, [innerRank, ...inputs]: Shape): ModuleFit | undefined {
  if (!rank || rank !== innerRank) return undefined;
  return { rank, shape: [outputs!, ...inputs] };
}

function fitCore([outputs, rank]: Shape, [innerRank, inputs, ...rest]: Shape, core: Shape): ModuleFit | undefined {
  if (!rank || !innerRank || rest.length > 0 || !isCore(core, rank, innerRank)) return undefined;
  return { rank: innerRank, shape: [outputs!, inputs!, ...core.slice(2)] };
}
