/** What is in the form: one signal, kept over reloads. Pictures stay in memory, they are too large to keep. */
import { computed, signal } from '@preact/signals';
import type { Preprocessor } from '#shared/contracts/preprocessors.ts';
import type { HiresUpscaler } from '#shared/contracts/start.ts';
import { forgetProblems, hints } from './problems.ts';
import { NO_START, start } from './start.ts';
import { likeFallback, stored } from './stored.ts';

/** A ControlNet in the form. */
export interface GuideForm {
  readonly key: number;
  readonly controlnet: string;
  /** Data URL of the picture that was dropped or drawn; empty while there is none. */
  readonly image: string;
  readonly preprocessor: Preprocessor;
  readonly cannyLow: number;
  readonly cannyHigh: number;
  readonly scale: number;
  /** Part of the steps in which it acts, as fractions. */
  readonly start: number;
  readonly end: number;
}

/** Numbers that may be left to the model are text: empty is "left out". */
export interface Form {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly steps: number;
  readonly guidanceScale: number;
  /** Empty: the model's own. */
  readonly sampler: string;
  /** Empty: as the sampler has it. */
  readonly schedule: string;
  readonly width: string;
  readonly height: string;
  readonly batch: number;
  readonly seed: string;
  readonly isSeedLocked: boolean;
  readonly clipSkip: number;
  readonly guidanceRescale: number;
  /** `own`: by the two fields below. */
  readonly preset: 'exact' | 'fast' | 'own';
  readonly cacheInterval: number;
  readonly cacheBranch: number;
  /** Part of the run in which steps are computed in part, as fractions. */
  readonly cacheStart: number;
  readonly cacheEnd: number;
  /** Steps that one answer of the ControlNets is for. */
  readonly controlnetEvery: number;
  /** Empty: at random. */
  readonly subseed: string;
  /** 0: no variation. */
  readonly subseedStrength: number;
  /** 1: made once, at its size. */
  readonly hiresScale: number;
  readonly hiresStrength: number;
  /** Empty: as many as for the first run. */
  readonly hiresSteps: string;
  readonly hiresUpscaler: HiresUpscaler;
  readonly guessMode: boolean;
  /** Weight by name, of those that are switched on. */
  readonly loras: Readonly<Record<string, number>>;
  readonly loraStart: 'exact' | 'at_step' | 'max_steps';
  readonly loraStep: number;
}

/** An untouched form. */
export const EMPTY_FORM: Form = {
  prompt: '',
  negativePrompt: '',
  steps: 20,
  guidanceScale: 7.5,
  sampler: '',
  schedule: '',
  width: '',
  height: '',
  batch: 1,
  seed: '',
  isSeedLocked: false,
  clipSkip: 1,
  guidanceRescale: 0,
  preset: 'exact',
  cacheInterval: 3,
  cacheBranch: 0,
  cacheStart: 0,
  cacheEnd: 1,
  controlnetEvery: 1,
  subseed: '',
  subseedStrength: 0,
  hiresScale: 1,
  hiresStrength: 0.7,
  hiresSteps: '',
  hiresUpscaler: 'latent',
  guessMode: false,
  loras: {},
  loraStart: 'exact',
  loraStep: 4,
};

/** The form without its guides. */
export const form = stored<Form>('form', EMPTY_FORM, likeFallback(EMPTY_FORM));
/** The ControlNets of the form. */
export const guides = signal<readonly GuideForm[]>([]);

/** Whether there is anything to set back. */
export const isTouched = computed(
  () =>
    guides.value.length > 0 || start.value.image !== '' || JSON.stringify(form.value) !== JSON.stringify(EMPTY_FORM),
);

/** Changes some fields; what was wrong with them may be right now. */
export function setForm(change: Partial<Form>): void {
  form.value = { ...form.value, ...change };
  forgetProblems();
}

/** Sets everything back. */
export function resetForm(): void {
  setForm(EMPTY_FORM);
  guides.value = [];
  start.value = NO_START;
  hints.value = {};
}

/** Adds a ControlNet with a picture, or without one yet. */
export function addGuide(controlnet: string, given: Partial<GuideForm> = {}): void {
  const key = 1 + Math.max(0, ...guides.value.map((guide) => guide.key));
  const blank = {
    image: '',
    preprocessor: 'canny',
    cannyLow: 100,
    cannyHigh: 200,
    scale: 1,
    start: 0,
    end: 1,
  } as const;
  guides.value = [...guides.value, { key, controlnet, ...blank, ...given }];
}

/** Changes one ControlNet. */
export function setGuide(key: number, change: Partial<GuideForm>): void {
  guides.value = guides.value.map((guide) => (guide.key === key ? { ...guide, ...change } : guide));
  forgetProblems();
}

/** Takes one ControlNet out. */
export function removeGuide(key: number): void {
  guides.value = guides.value.filter((guide) => guide.key !== key);
}

/** Switches a LoRA on at full weight, or off. */
export function toggleLora(name: string): void {
  const { [name]: weight, ...others } = form.value.loras;
  setForm({ loras: weight === undefined ? { ...others, [name]: 1 } : others });
}
