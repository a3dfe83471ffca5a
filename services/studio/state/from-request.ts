/** From the request that the mesh keeps of a job back to the form: it makes the same picture again. */
import type { GenerateInput } from '#shared/contracts/generate.ts';
import type { Preprocessor } from '#shared/contracts/preprocessors.ts';
import { EMPTY_FORM, type Form, type GuideForm } from './form.ts';
import { NO_START, type StartForm } from './start.ts';

/** What the form consists of. */
export interface WholeForm {
  readonly form: Form;
  readonly guides: readonly GuideForm[];
  readonly start: StartForm;
}

/** One picture of a job: the `index`-th, which has this `seed`. */
export interface Which {
  readonly index: number;
  readonly seed: number;
}

/** See the head of this file. Hints and pictures are named in it as the mesh keeps them, ready made. */
export function fromRequest(request: GenerateInput, { index, seed }: Which): WholeForm {
  const { loras = [], controlnets = [], batch = 1 } = request;
  const form: Form = {
    ...EMPTY_FORM,
    prompt: textOf(request.prompt, index),
    negativePrompt: textOf(request.negative_prompt, index),
    steps: request.steps ?? EMPTY_FORM.steps,
    guidanceScale: request.guidance_scale ?? EMPTY_FORM.guidanceScale,
    guidanceRescale: request.guidance_rescale ?? 0,
    sampler: request.sampler ?? '',
    schedule: request.schedule === 'automatic' ? '' : (request.schedule ?? ''),
    width: String(request.width ?? ''),
    height: String(request.height ?? ''),
    seed: String(seed),
    isSeedLocked: true,
    batch: index === 0 ? batch : 1,
    clipSkip: request.clip_skip ?? 1,
    guessMode: request.guess_mode ?? false,
    loras: Object.fromEntries(loras.map(({ lora, weight = 1 }) => [lora, weight])),
    ...loraStartOf(request),
    ...speedOf(request),
    ...variationOf(request, index),
    ...hiresOf(request),
  };
  return { form, guides: controlnets.map(guideOf), start: startOf(request) };
}

function textOf(text: string | readonly string[] | undefined, index: number): string {
  return (typeof text === 'string' ? text : (text?.[index] ?? text?.[0])) ?? '';
}

function loraStartOf({ lora_start: start = 'exact' }: GenerateInput): Partial<Form> {
  if (start === 'exact') return {};
  return 'at_step' in start
    ? { loraStart: 'at_step', loraStep: start.at_step }
    : { loraStart: 'max_steps', loraStep: start.max_steps };
}

function speedOf({ preset = 'exact', deep_cache: cache, controlnet_every: every = 1 }: GenerateInput): Partial<Form> {
  return { preset, controlnetEvery: every, ...(cache && cacheOf(cache)) };
}

function cacheOf(cache: NonNullable<GenerateInput['deep_cache']>): Partial<Form> {
  return {
    preset: 'own',
    cacheInterval: cache.cache_interval,
    cacheBranch: cache.cache_branch_id ?? 0,
    cacheStart: cache.cache_start ?? 0,
    cacheEnd: cache.cache_end ?? 1,
  };
}

/** The seeds of variations count up. */
function variationOf({ subseed, subseed_strength: strength = 0 }: GenerateInput, index: number): Partial<Form> {
  if (strength === 0) return {};
  return { subseedStrength: strength, subseed: subseed === undefined ? '' : String(subseed + index) };
}

function hiresOf({ hires, width }: GenerateInput): Partial<Form> {
  if (!hires) return {};
  const scale = hires.scale ?? (hires.width && width ? hires.width / width : 2);
  return {
    hiresScale: scale,
    hiresStrength: hires.strength ?? EMPTY_FORM.hiresStrength,
    hiresSteps: String(hires.steps ?? ''),
    hiresUpscaler: hires.upscaler ?? EMPTY_FORM.hiresUpscaler,
  };
}

function guideOf(unit: NonNullable<GenerateInput['controlnets']>[number], key: number): GuideForm {
  return {
    key,
    controlnet: unit.controlnet,
    image: unit.image,
    preprocessor: (unit.preprocessor ?? 'canny') as Preprocessor,
    cannyLow: unit.canny_low ?? 100,
    cannyHigh: unit.canny_high ?? 200,
    scale: unit.controlnet_conditioning_scale ?? 1,
    start: unit.control_guidance_start ?? 0,
    end: unit.control_guidance_end ?? 1,
  };
}

function startOf(request: GenerateInput): StartForm {
  if (!request.init_image) return NO_START;
  const { left = 0, right = 0, top = 0, bottom = 0 } = request.outpaint ?? {};
  return {
    image: request.init_image,
    mask: request.mask_image ?? '',
    strength: request.strength ?? NO_START.strength,
    resizeMode: request.resize_mode ?? NO_START.resizeMode,
    maskBlur: request.mask_blur ?? NO_START.maskBlur,
    isMaskInverted: request.mask_invert ?? false,
    inpaintFill: request.inpaint_fill ?? NO_START.inpaintFill,
    isOnlyMasked: request.inpaint_full_res ?? false,
    padding: request.inpaint_full_res_padding ?? NO_START.padding,
    keepUnmasked: request.keep_unmasked ?? true,
    outpaint: { left, right, top, bottom },
  };
}
