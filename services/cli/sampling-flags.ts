/** The flags of `generate` that say how prompts are read and how a run is sampled, as a table, and what a request holds of them. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PROMPT_SYNTAXES, RNGS } from '#shared/contracts/choices.ts';
import type { GenerateInput, PromptSyntax, Rng } from '#shared/contracts/generate.ts';
import { decimalNumber } from './number-flag.ts';

/** Fractions of the steps. */
type Interval = { readonly start: number; readonly end: number };

/** As commander hands them over. */
export interface SamplingFlags {
  readonly promptSyntax?: PromptSyntax;
  readonly sampler?: string;
  readonly schedule?: string;
  readonly eta?: number;
  readonly rng?: Rng;
  readonly guidanceRescale?: number;
  readonly guidanceInterval?: Interval;
  /** Where the refiner takes over, or true for the mesh's default. */
  readonly refiner?: number | true;
}

/** Adds them to the command. */
export function addSamplingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--prompt-syntax <name>', 'a1111: weights, BREAK, [a:b:0.4], <lora:…>, any length').choices(
        PROMPT_SYNTAXES,
      ),
    )
    .option('--sampler <name>', 'see `latentmesh list samplers`')
    .option('--schedule <name>', 'how noise levels are spread, see `latentmesh list schedules`')
    .option('--eta <share>', 'fresh noise of DDIM, TCD and ancestral samplers, 0 to 1', decimalNumber)
    .addOption(new Option('--rng <name>', 'whose random numbers').choices(RNGS))
    .option('--guidance-rescale <share>', 'how far guided noise is brought back, 0 to 1', decimalNumber)
    .option('--guidance-interval <start-end>', 'part of the steps with guidance, 0.1-0.8', parseInterval)
    .option('--refiner [share]', "let the mesh's refiner finish, from so far on; 0.8", decimalNumber);
}

/** The request's part. */
export function samplingFields(flags: SamplingFlags): {
  [Field in keyof GenerateInput]?: GenerateInput[Field] | undefined;
} {
  return {
    prompt_syntax: flags.promptSyntax,
    sampler: flags.sampler,
    schedule: flags.schedule,
    eta: flags.eta,
    rng: flags.rng,
    guidance_rescale: flags.guidanceRescale,
    guidance_start: flags.guidanceInterval?.start,
    guidance_end: flags.guidanceInterval?.end,
    refiner: refinerOf(flags),
  };
}

function refinerOf({ refiner }: SamplingFlags): GenerateInput['refiner'] {
  if (refiner === undefined) return undefined;
  return refiner === true ? {} : { denoising_start: refiner };
}

function parseInterval(text: string): Interval {
  const [, start, end] = /^(\d*\.?\d+)-(\d*\.?\d+)$/.exec(text) ?? [];
  if (start === undefined) throw new InvalidArgumentError('Two fractions of the steps are needed: 0.1-0.8.');
  return { start: Number(start), end: Number(end) };
}
