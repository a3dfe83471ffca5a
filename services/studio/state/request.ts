/** From the form to a request, and what the page itself can tell to be wrong with it. */
import type { ControlNetUnit, GenerateInput } from '#shared/contracts/generate.ts';
import { MAX_SEED } from '#shared/contracts/limits.ts';
import type { Form, GuideForm } from './form.ts';
import { isContinued, NO_START, type StartForm } from './start.ts';

/** Seeds that are drawn here: what everyone else's fields take, too. */
const DRAWN_SEEDS = 2 ** 32;

/** A seed at random. */
export function drawSeed(random: () => number = Math.random): number {
  return Math.floor(random() * DRAWN_SEEDS);
}

/** The request of a form. What is left to the model is left out. */
export function toRequest(form: Form, guides: readonly GuideForm[], start: StartForm = NO_START): GenerateInput {
  const loras = Object.entries(form.loras).map(([lora, weight]) => ({ lora, weight }));
  return {
    prompt: form.prompt.trim(),
    ...(form.negativePrompt.trim() && { negative_prompt: form.negativePrompt.trim() }),
    steps: form.steps,
    guidance_scale: form.guidanceScale,
    ...(form.sampler && { sampler: form.sampler }),
    ...(form.schedule && { schedule: form.schedule }),
    ...(start.image && startFields(start)),
    ...numberField('width', form.width),
    ...numberField('height', form.height),
    ...(form.isSeedLocked && numberField('seed', form.seed)),
    ...(form.batch > 1 && { batch: form.batch }),
    ...(form.clipSkip > 1 && { clip_skip: form.clipSkip }),
    ...(form.guidanceRescale > 0 && { guidance_rescale: form.guidanceRescale }),
    ...speedFields(form),
    ...(form.controlnetEvery > 1 && guides.length > 0 && { controlnet_every: form.controlnetEvery }),
    ...(form.subseedStrength > 0 && {
      subseed_strength: form.subseedStrength,
      ...numberField('subseed', form.subseed),
    }),
    ...(form.hiresScale > 1 && { hires: hiresOf(form) }),
    ...(guides.length > 0 && { controlnets: guides.map(toUnit) }),
    ...(form.guessMode && guides.length > 0 && { guess_mode: true }),
    ...(loras.length > 0 && { loras }),
    ...(loras.length > 0 && form.loraStart !== 'exact' && { lora_start: loraStart(form) }),
  };
}

function speedFields({ preset, ...form }: Form): Pick<GenerateInput, 'preset' | 'deep_cache'> {
  if (preset !== 'own') return preset === 'fast' ? { preset } : {};
  const { cacheInterval, cacheBranch, cacheStart, cacheEnd } = form;
  return {
    deep_cache: {
      cache_interval: cacheInterval,
      cache_branch_id: cacheBranch,
      ...((cacheStart > 0 || cacheEnd < 1) && { cache_start: cacheStart, cache_end: cacheEnd }),
    },
  };
}

function hiresOf({ hiresScale, hiresStrength, hiresSteps, hiresUpscaler }: Form): NonNullable<GenerateInput['hires']> {
  return {
    scale: hiresScale,
    strength: hiresStrength,
    ...numberField('steps', hiresSteps),
    upscaler: hiresUpscaler,
  };
}

/** What a field of the mask means is asked for where there is a mask, or where the picture is continued. */
function startFields(start: StartForm): Partial<GenerateInput> {
  const hasPart = start.mask !== '' || isContinued(start);
  return {
    init_image: start.image,
    strength: start.strength,
    ...(start.resizeMode !== NO_START.resizeMode && { resize_mode: start.resizeMode }),
    ...(start.mask && { mask_image: start.mask }),
    ...(start.mask && start.isMaskInverted && { mask_invert: true }),
    ...(isContinued(start) && { outpaint: start.outpaint }),
    ...(hasPart && partFields(start)),
  };
}

function partFields({ maskBlur, inpaintFill, isOnlyMasked, padding, keepUnmasked }: StartForm): Partial<GenerateInput> {
  return {
    ...(maskBlur !== NO_START.maskBlur && { mask_blur: maskBlur }),
    ...(inpaintFill !== NO_START.inpaintFill && { inpaint_fill: inpaintFill }),
    ...(isOnlyMasked && { inpaint_full_res: true, inpaint_full_res_padding: padding }),
    ...(!keepUnmasked && { keep_unmasked: false }),
  };
}

function numberField<Name extends string>(name: Name, text: string): { [Field in Name]?: number } {
  return (text.trim() === '' ? {} : { [name]: Number(text) }) as { [Field in Name]?: number };
}

function toUnit(guide: GuideForm): ControlNetUnitInput {
  return {
    controlnet: guide.controlnet,
    image: guide.image,
    preprocessor: guide.preprocessor,
    ...(guide.preprocessor === 'canny' && { canny_low: guide.cannyLow, canny_high: guide.cannyHigh }),
    controlnet_conditioning_scale: guide.scale,
    control_guidance_start: guide.start,
    control_guidance_end: guide.end,
  };
}

type ControlNetUnitInput = Partial<ControlNetUnit> & Pick<ControlNetUnit, 'controlnet' | 'image'>;

function loraStart({ loraStart: mode, loraStep }: Form): { at_step: number } | { max_steps: number } {
  return mode === 'at_step' ? { at_step: loraStep } : { max_steps: loraStep };
}

/** What the page itself can tell to be wrong, by the field's path. */
export function problemsOf(form: Form, guides: readonly GuideForm[]): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const [i, guide] of guides.entries()) {
    if (!guide.image) problems[`controlnets.${i}.image`] = 'Drop a picture here, or draw one.';
    if (guide.start >= guide.end) problems[`controlnets.${i}.control_guidance_start`] = 'It must begin before it ends.';
  }
  const seed = Number(form.seed);
  const isSeed = Number.isInteger(seed) && seed >= 0 && seed <= MAX_SEED;
  if (form.isSeedLocked && form.seed !== '' && !isSeed) problems.seed = `A whole number from 0 to ${MAX_SEED}.`;
  return problems;
}
