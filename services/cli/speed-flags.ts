/** The flags of `generate` that change the picture for speed, as a table, and what a request holds of them. */
import { type Command, InvalidArgumentError } from 'commander';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { wholeNumber } from './number-flag.ts';

type DeepCacheField = GenerateInput['deep_cache'];

/** As commander hands them over. */
export interface SpeedFlags {
  readonly preset?: 'exact' | 'fast';
  readonly deepCache?: NonNullable<DeepCacheField>;
  readonly controlnetEvery?: number;
}

/** Adds them to the command. */
export function addSpeedOptions(command: Command): Command {
  return command
    .option('--preset <preset>', 'exact, or fast: nearly the same picture in about half of the time')
    .option('--deep-cache <interval[:branch[:start-end]]>', 'steps computed in part, see docs/speed.md', parseDeepCache)
    .option('--controlnet-every <n>', 'steps that one answer of the ControlNets is for', wholeNumber);
}

/** The request's part. */
export function speedFields({ preset, deepCache, controlnetEvery }: SpeedFlags): {
  [Field in keyof GenerateInput]?: GenerateInput[Field] | undefined;
} {
  return { preset, deep_cache: deepCache, controlnet_every: controlnetEvery };
}

function parseDeepCache(text: string): NonNullable<DeepCacheField> {
  const [, interval, branch, start, end] = /^(\d+)(?::(\d+)(?::(\d*\.?\d+)-(\d*\.?\d+))?)?$/.exec(text) ?? [];
  if (interval === undefined) {
    throw new InvalidArgumentError(
      'An interval is needed, with a branch and a part of the steps if any: 3, 3:0, 3:0:0.2-1.',
    );
  }
  return {
    cache_interval: Number(interval),
    ...(branch !== undefined && { cache_branch_id: Number(branch) }),
    ...(start !== undefined && { cache_start: Number(start), cache_end: Number(end) }),
  };
}
