/** From the form to a request, and from a picture's parameters back to the form. */
import type { ControlNetUnit, GenerateInput } from '#shared/contracts/generate.ts';
import { MAX_SEED } from '#shared/contracts/limits.ts';
import type { Preprocessor } from '#shared/contracts/preprocessors.ts';
import type { Infotext } from '#shared/image/infotext.ts';
import { EMPTY_FORM, type Form, type GuideForm, NO_START, type StartForm } from './form.ts';
import { PREPROCESSORS } from './preprocessors.ts';

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
    ...(start.image && { init_image: start.image, strength: start.strength }),
    ...(start.image && start.mask && { mask_image: start.mask }),
    ...numberField('width', form.width),
    ...numberField('height', form.height),
    ...(form.isSeedLocked && numberField('seed', form.seed)),
    ...(form.batch > 1 && { batch: form.batch }),
    ...(form.clipSkip > 1 && { clip_skip: form.clipSkip }),
    ...(guides.length > 0 && { controlnets: guides.map(toUnit) }),
    ...(form.guessMode && guides.length > 0 && { guess_mode: true }),
    ...(loras.length > 0 && { loras }),
    ...(loras.length > 0 && form.loraStart !== 'exact' && { lora_start: loraStart(form) }),
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

function isPreprocessor(name: string): name is Preprocessor {
  return Object.hasOwn(PREPROCESSORS, name);
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

/**
 * The form that made a picture. Fields the text does not tell are those of an untouched form. Guides come without their
 * pictures: these are not in the text.
 */
export function fromInfotext(
  info: Infotext,
  known: {
    readonly samplers: readonly string[];
    readonly loras: readonly string[];
    readonly schedules?: readonly string[];
  },
): { form: Form; guides: Omit<GuideForm, 'key'>[]; missing: string[] } {
  const schedule = info.scheduleType && info.scheduleType !== 'Automatic' ? info.scheduleType : '';
  const label = [info.sampler, schedule].filter(Boolean).join(' ');
  const loras = info.loras ?? [];
  const missing = loras.filter(({ name }) => !known.loras.includes(name)).map(({ name }) => `LoRA ${name}`);
  const sampler = [label, info.sampler].find((name) => known.samplers.includes(name));
  if (!sampler) missing.push(`sampler ${label}`);
  const isApart = schedule !== '' && sampler === info.sampler;
  if (isApart && !known.schedules?.includes(schedule)) missing.push(`schedule ${schedule}`);
  return {
    missing,
    form: {
      ...EMPTY_FORM,
      prompt: info.prompt,
      negativePrompt: info.negativePrompt ?? '',
      steps: info.steps,
      guidanceScale: info.cfgScale,
      sampler: sampler ?? '',
      schedule: isApart && known.schedules?.includes(schedule) ? schedule : '',
      width: String(info.width),
      height: String(info.height),
      seed: String(info.seed),
      isSeedLocked: true,
      clipSkip: info.clipSkip ?? 1,
      loras: Object.fromEntries(
        loras.filter(({ name }) => known.loras.includes(name)).map(({ name, weight }) => [name, weight]),
      ),
    },
    guides: (info.controlNets ?? []).map((net) => ({
      controlnet: net.model,
      image: '',
      preprocessor: isPreprocessor(net.module) ? net.module : 'none',
      cannyLow: net.thresholdA ?? 100,
      cannyHigh: net.thresholdB ?? 200,
      scale: net.weight,
      start: net.guidanceStart,
      end: net.guidanceEnd,
    })),
  };
}
