/** The flags of `generate` that say what SDXL is told of the picture's size, and what a request holds of them. */
import { type Command, InvalidArgumentError } from 'commander';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { decimalNumber } from './number-flag.ts';

/** Two pixels, height or top first as the request has them. */
type Pair = [number, number];

/** As commander hands them over. */
export interface SizeFlags {
  readonly originalSize?: Pair;
  readonly targetSize?: Pair;
  readonly crop?: Pair;
  readonly negativeOriginalSize?: Pair;
  readonly negativeTargetSize?: Pair;
  readonly negativeCrop?: Pair;
  readonly aestheticScore?: number;
  readonly negativeAestheticScore?: number;
}

/** Adds them to the command. */
export function addSizeOptions(command: Command): Command {
  return command
    .option('--original-size <WxH>', 'SDXL: size of the picture before its crop', parseSize)
    .option('--target-size <WxH>', 'SDXL: size to draw for', parseSize)
    .option('--crop <LEFT,TOP>', 'SDXL: where the crop begins', parsePlace)
    .option('--negative-original-size <WxH>', 'SDXL: the same for the unconditional half', parseSize)
    .option('--negative-target-size <WxH>', 'SDXL: the same for the unconditional half', parseSize)
    .option('--negative-crop <LEFT,TOP>', 'SDXL: the same for the unconditional half', parsePlace)
    .option('--aesthetic-score <score>', "SDXL's refiner: 0 to 10", decimalNumber)
    .option('--negative-aesthetic-score <score>', "SDXL's refiner: 0 to 10", decimalNumber);
}

/** The request's part. */
export function sizeFields(flags: SizeFlags): { [Field in keyof GenerateInput]?: GenerateInput[Field] | undefined } {
  return {
    original_size: flags.originalSize,
    target_size: flags.targetSize,
    crops_coords_top_left: flags.crop,
    negative_original_size: flags.negativeOriginalSize,
    negative_target_size: flags.negativeTargetSize,
    negative_crops_coords_top_left: flags.negativeCrop,
    aesthetic_score: flags.aestheticScore,
    negative_aesthetic_score: flags.negativeAestheticScore,
  };
}

/** `1024x768` → [768, 1024] */
function parseSize(text: string): Pair {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  if (width === undefined) throw new InvalidArgumentError('Width and height are needed: 1024x768.');
  return [Number(height), Number(width)];
}

/** `16,0` → [0, 16] */
function parsePlace(text: string): Pair {
  const [, left, top] = /^(\d+),(\d+)$/.exec(text) ?? [];
  if (left === undefined) throw new InvalidArgumentError('Left and top are needed: 16,0.');
  return [Number(top), Number(left)];
}
