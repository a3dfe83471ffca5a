/** Light, dark, or as the system has it. */
import { effect } from '@preact/signals';
import { stored } from './stored.ts';

/** What can be chosen, in the order of the switch. */
export const THEMES = ['system', 'light', 'dark'] as const;
/** One of {@link THEMES}. */
export type Theme = (typeof THEMES)[number];

/** The one that is chosen. */
export const theme = stored<Theme>('theme', 'system', (kept) => THEMES.find((one) => one === kept) ?? 'system');

/** Shows the chosen theme from now on. */
export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
}

/** The next one of the switch. */
export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
}
