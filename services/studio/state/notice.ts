/** A short word to the person at the page; goes by itself. */
import { signal } from '@preact/signals';

/** Long enough to read two sentences twice, ms. */
const SHOWN_MS = 7000;

/** What is said now, empty for nothing. */
export const notice = signal('');
let fading: ReturnType<typeof setTimeout> | undefined;

/** Says it, instead of what was said before. */
export function say(text: string): void {
  notice.value = text;
  clearTimeout(fading);
  fading = setTimeout(() => {
    notice.value = '';
  }, SHOWN_MS);
}
