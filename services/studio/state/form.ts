/** What is in the form: one signal, kept over reloads. Pictures stay in memory, they are too large to keep. */
import { computed, signal } from '@preact/signals';
import type { Preprocessor } from '#shared/contracts/preprocessors.ts';
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
  guessMode: false,
  loras: {},
  loraStart: 'exact',
  loraStep: 4,
};

/** The form without its guides. */
export const form = stored<Form>('form', EMPTY_FORM, likeFallback(EMPTY_FORM));
/** The picture to start from: data URLs, or names that the mesh keeps pictures under. Empty while there is none. */
export interface StartForm {
  readonly image: string;
  /** White is to change; empty: all of it. */
  readonly mask: string;
  /** Share of the steps that are run. */
  readonly strength: number;
}

/** From noise. */
export const NO_START: StartForm = { image: '', mask: '', strength: 0.75 };
/** See {@link StartForm}. */
export const start = signal(NO_START);
/** The ControlNets of the form. */
export const guides = signal<readonly GuideForm[]>([]);

/** What is wrong with fields, by their path in the request; from the last try. */
export const problems = signal<Readonly<Record<string, string>>>({});
/** What the last job told of its fields although it went on. */
export const hints = signal<Readonly<Record<string, string>>>({});
/** Whether there is anything to set back. */
export const isTouched = computed(
  () =>
    guides.value.length > 0 || start.value.image !== '' || JSON.stringify(form.value) !== JSON.stringify(EMPTY_FORM),
);

/** Changes some fields; what was wrong with them may be right now. */
export function setForm(change: Partial<Form>): void {
  form.value = { ...form.value, ...change };
  if (Object.keys(problems.value).length > 0) problems.value = {};
}

/** Sets everything back. */
export function resetForm(): void {
  setForm(EMPTY_FORM);
  guides.value = [];
  start.value = NO_START;
  hints.value = {};
}

/** Changes what to start from. */
export function setStart(change: Partial<StartForm>): void {
  start.value = { ...start.value, ...change };
  if (Object.keys(problems.value).length > 0) problems.value = {};
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
  if (Object.keys(problems.value).length > 0) problems.value = {};
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
