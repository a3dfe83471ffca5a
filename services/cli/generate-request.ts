/** From the flags of `generate` to the request that the mesh takes. */
import { randomBytes } from 'node:crypto';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import type { Preprocessor } from '#shared/contracts/preprocessors.ts';
import { readImage } from './read-image.ts';
import { type SamplingFlags, samplingFields } from './sampling-flags.ts';
import { type SizeFlags, sizeFields } from './size-flags.ts';
import { type SpeedFlags, speedFields } from './speed-flags.ts';
import { type StartFlags, startFields } from './start-flags.ts';
import type { ControlNetFlag, LoraFlag, LoraStartFlag } from './units.ts';

/** As commander hands them over. What is left out takes the mesh's default. */
export interface GenerateFlags extends StartFlags, SamplingFlags, SizeFlags, SpeedFlags {
  readonly model?: string;
  readonly negative?: string;
  readonly width?: number;
  readonly height?: number;
  readonly steps?: number;
  readonly guidance?: number;
  readonly seed?: number;
  readonly batch?: number;
  readonly clipSkip?: number;
  readonly controlnet?: readonly ControlNetFlag[];
  readonly preprocessor: Preprocessor;
  readonly guessMode?: boolean;
  readonly lora?: readonly LoraFlag[];
  readonly loraStart?: LoraStartFlag;
  readonly priority?: 'low' | 'normal' | 'high';
  readonly client?: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly output: string;
  readonly json?: boolean;
}

/** Short enough to type, and no two alike within a day: 48 bits. */
export function newJobId(): string {
  return randomBytes(6).readUIntBE(0, 6).toString(36);
}

/** @throws MeshError FILE_UNREADABLE when an image cannot be read, IMAGE_TOO_LARGE */
export async function generateRequest(prompt: string, job: string, flags: GenerateFlags): Promise<GenerateInput> {
  const controlnets = await Promise.all(
    (flags.controlnet ?? []).map((unit) => controlNetUnit(unit, flags.preprocessor)),
  );
  const given: { [Field in keyof GenerateInput]: GenerateInput[Field] | undefined } = {
    job,
    prompt,
    negative_prompt: flags.negative,
    width: flags.width,
    height: flags.height,
    steps: flags.steps,
    guidance_scale: flags.guidance,
    ...samplingFields(flags),
    ...sizeFields(flags),
    seed: flags.seed,
    batch: flags.batch,
    ...(await startFields(flags)),
    clip_skip: flags.clipSkip,
    controlnets,
    guess_mode: flags.guessMode,
    ...speedFields(flags),
    loras: [...(flags.lora ?? [])],
    lora_start: flags.loraStart,
    priority: flags.priority,
    client: flags.client,
    deadline_ms: flags.timeout === undefined ? undefined : Math.round(flags.timeout * 1000),
  };
  // JSON leaves out what is undefined, so the types may say that it is not there.
  return given as GenerateInput;
}

async function controlNetUnit(
  { controlnet, imageFile, scale, start, end }: ControlNetFlag,
  preprocessor: Preprocessor,
) {
  return {
    controlnet,
    image: await readImage(imageFile),
    preprocessor,
    controlnet_conditioning_scale: scale,
    control_guidance_start: start,
    control_guidance_end: end,
  };
}
