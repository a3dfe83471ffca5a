/** From a picture's parameters back to the form that made it. */
import type { Preprocessor } from '#shared/contracts/preprocessors.ts';
import type { HiresUpscaler } from '#shared/contracts/start.ts';
import type { Infotext } from '#shared/image/infotext.ts';
import { EMPTY_FORM, type Form, type GuideForm } from './form.ts';
import { PREPROCESSORS } from './preprocessors.ts';

/** Ways to make a picture larger, in A1111's words. */
export const HIRES_UPSCALERS: readonly (readonly [HiresUpscaler, string])[] = [
  ['latent', 'Latent'],
  ['latent-nearest', 'Latent (nearest)'],
  ['latent-bicubic', 'Latent (bicubic)'],
  ['lanczos', 'Lanczos'],
  ['nearest', 'Nearest'],
];

function isPreprocessor(name: string): name is Preprocessor {
  return Object.hasOwn(PREPROCESSORS, name);
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
      ...rareFields(info),
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

/** What A1111 has no field for stands among the text's further pairs, as the mesh writes them. */
function rareFields(info: Infotext): Partial<Form> {
  const { variationSeed, variationStrength, extra = {} } = info;
  return {
    ...(extra['Guidance rescale'] && { guidanceRescale: Number(extra['Guidance rescale']) }),
    ...(extra['DeepCache interval'] && {
      preset: 'own',
      cacheInterval: Number(extra['DeepCache interval']),
      cacheBranch: Number(extra['DeepCache branch'] ?? 0),
      ...windowOf(extra['DeepCache window']),
    }),
    ...(variationStrength !== undefined && {
      subseedStrength: variationStrength,
      subseed: String(variationSeed ?? ''),
    }),
    ...(extra['Hires upscale'] && hiresFields(Number(extra['Hires upscale']), info)),
  };
}

/** `0.2-1`. */
function windowOf(text: string | undefined): Pick<Form, 'cacheStart' | 'cacheEnd'> {
  const [start = 0, end = 1] = text?.split('-').map(Number) ?? [];
  return { cacheStart: start, cacheEnd: end };
}

function hiresFields(hiresScale: number, { denoisingStrength, extra = {} }: Infotext): Partial<Form> {
  const upscaler = HIRES_UPSCALERS.find(([, label]) => label === extra['Hires upscaler']);
  return {
    hiresScale,
    hiresSteps: extra['Hires steps'] ?? '',
    ...(denoisingStrength !== undefined && { hiresStrength: denoisingStrength }),
    ...(upscaler && { hiresUpscaler: upscaler[0] }),
  };
}
