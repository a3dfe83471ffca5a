/** Whether a job computes some of its steps in part, and which. */
import type { DeepCache, GenerateRequest } from '#shared/contracts/generate.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';

/** What `preset: fast` stands for: the numbers behind the choice are in docs/speed.md. */
export const FAST: DeepCache = { cache_interval: 3, cache_branch_id: 0, cache_start: 0.2, cache_end: 1 };

/** @throws MeshError UNSUPPORTED_OPTION when the UNet has no such branch */
export function deepCacheOf(
  { preset, deep_cache = preset === 'fast' ? FAST : undefined }: Pick<GenerateRequest, 'preset' | 'deep_cache'>,
  unet: UnetConfig,
): DeepCache | undefined {
  const branches = unet.upBlocks.at(-1)!.length;
  if (!deep_cache || deep_cache.cache_branch_id < branches) return deep_cache;
  const text = `The UNet of this model has the branches 0 to ${branches - 1}.`;
  throw new MeshError('UNSUPPORTED_OPTION', text, { path: 'deep_cache.cache_branch_id', max: branches - 1 });
}
