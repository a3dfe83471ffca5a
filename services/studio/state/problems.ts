/** What is wrong with the fields of the form, and what was told of them, by their path in the request. */
import { signal } from '@preact/signals';

/** What is wrong; from the last try. */
export const problems = signal<Readonly<Record<string, string>>>({});
/** What the last job told of its fields although it went on. */
export const hints = signal<Readonly<Record<string, string>>>({});

/** After a change: what was wrong may be right now. */
export function forgetProblems(): void {
  if (Object.keys(problems.value).length > 0) problems.value = {};
}
