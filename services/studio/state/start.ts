/** Where the next picture starts: from noise, or from a picture, of which a part may change and which may be continued. */
import { signal } from '@preact/signals';
import type { InpaintFill, Outpaint, ResizeMode } from '#shared/contracts/start.ts';
import { forgetProblems } from './problems.ts';

/** Pictures are data URLs, or names that the mesh keeps them under; empty while there is none. */
export interface StartForm {
  readonly image: string;
  /** White is to change; empty: all of it. */
  readonly mask: string;
  /** Share of the steps that are run. */
  readonly strength: number;
  readonly resizeMode: ResizeMode;
  /** Deviation of the mask's soft edge, pixels. */
  readonly maskBlur: number;
  readonly isMaskInverted: boolean;
  readonly inpaintFill: InpaintFill;
  /** Whether only the mask and its surroundings are generated. */
  readonly isOnlyMasked: boolean;
  /** Pixels of these surroundings. */
  readonly padding: number;
  readonly keepUnmasked: boolean;
  /** Pixels by which the picture is continued. */
  readonly outpaint: Outpaint;
}

/** From noise. */
export const NO_START: StartForm = {
  image: '',
  mask: '',
  strength: 0.75,
  resizeMode: 'stretch',
  maskBlur: 4,
  isMaskInverted: false,
  inpaintFill: 'original',
  isOnlyMasked: false,
  padding: 32,
  keepUnmasked: true,
  outpaint: { left: 0, right: 0, top: 0, bottom: 0 },
};
/** See {@link StartForm}. */
export const start = signal(NO_START);

/** Changes some of it. */
export function setStart(change: Partial<StartForm>): void {
  start.value = { ...start.value, ...change };
  forgetProblems();
}

/** Whether the picture is to be continued on any side. */
export function isContinued({ outpaint }: StartForm): boolean {
  return Object.values(outpaint).some((pixels) => pixels > 0);
}
