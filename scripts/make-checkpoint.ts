/**
 * Writes a checkpoint of random weights in the layout of diffusers, to serve, test and measure with.
 *
 * Run: `node scripts/make-checkpoint.ts --out DIR [--size small|sd15|sdxl] [--seed 0] [--dtype f16|f32] [--only unet]`
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { CHECKPOINT_SIZES } from '#infra/checkpoint/checkpoint-size.ts';
import {
  CHECKPOINT_PARTS,
  type CheckpointOptions,
  type CheckpointPart,
  writeCheckpoint,
} from '#infra/checkpoint/write-checkpoint.ts';

interface Options extends Required<Pick<CheckpointOptions, 'size' | 'seed' | 'dtype'>> {
  readonly out: string;
  readonly only?: CheckpointPart[];
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new InvalidArgumentError('A whole number from 0 on is needed.');
}

const options = new Command('make-checkpoint')
  .requiredOption('--out <folder>', 'where to write; its name becomes the name of the model')
  .addOption(
    new Option('--size <size>', 'small, or the shapes of Stable Diffusion 1.5')
      .choices(Object.keys(CHECKPOINT_SIZES))
      .default('small'),
  )
  .option('--seed <number>', 'another seed gives other weights', parseSeed, 0)
  .addOption(new Option('--dtype <dtype>', 'how weights are stored').choices(['f16', 'f32']).default('f16'))
  .addOption(new Option('--only <part...>', 'write these parts only').choices([...CHECKPOINT_PARTS]))
  .parse()
  .opts<Options>();

const startMs = performance.now();
const { out, size, seed, dtype, only } = options;
await writeCheckpoint(out, { size, seed, dtype, ...(only && { parts: only }) });
process.stdout.write(
  `${out}: ${size} checkpoint, seed ${seed}, ${dtype}, ${Math.round(performance.now() - startMs)} ms\n`,
);
