/** The two things a person does: ask for pictures with the form as it is, and give up what runs. */
import { signal } from '@preact/signals';
import { bodyOf, type ErrorBody } from '../server.ts';
import { form, guides } from './form.ts';
import { isRunning } from './job.ts';
import { cancel, running, selected, submit } from './jobs.ts';
import { hints, problems } from './problems.ts';
import { problemsOf, toRequest } from './request.ts';
import { start } from './start.ts';

/** Whether a request is on its way to the gateway. */
export const isSending = signal(false);
/** Why the last request was refused, where no field of the form is to blame. */
export const refusal = signal<ErrorBody | undefined>(undefined);

/** Sends the form. What is wrong is told at the field. */
export async function generate(): Promise<void> {
  if (isSending.value) return;
  refusal.value = undefined;
  problems.value = problemsOf(form.value, guides.value);
  if (Object.keys(problems.value).length > 0) return focusProblem();
  isSending.value = true;
  hints.value = {};
  try {
    await submit(toRequest(form.value, guides.value, start.value));
    showPicture();
  } catch (thrown) {
    refuse(bodyOf(thrown));
  } finally {
    isSending.value = false;
  }
}

/** Gives up the job that is looked at, else the oldest that runs. */
export function cancelCurrent(): void {
  const current = selected.value;
  const job = current && isRunning(current) ? current : running.value.at(-1);
  if (job) void cancel(job.job);
}

function refuse(error: ErrorBody): void {
  const wrong = fieldProblems(error);
  const told = wrong.flatMap(([path, message]) => {
    const place = placeOf(path);
    return place === undefined ? [] : [[place, message] as const];
  });
  problems.value = Object.fromEntries(told);
  if (told.length > 0) focusProblem();
  if (told.length === 0 || told.length < wrong.length) refusal.value = error;
}

/** Every field that is wrong, where the gateway names them; else the one that is to blame. */
function fieldProblems({ field, message, details }: ErrorBody): readonly (readonly [path: string, message: string])[] {
  const listed = (details?.problems ?? []) as readonly { readonly path: string; readonly message: string }[];
  if (listed.length > 0) return listed.map((one) => [one.path, sentence(one.message)]);
  return field ? [[field, message]] : [];
}

function sentence(message: string): string {
  return `It ${message}.`;
}

/** The field of a path on the page; else one of its parts (`outpaint` is told at `outpaint.left`), else what it is part of. */
function placeOf(path: string): string | undefined {
  const there = [...document.querySelectorAll<HTMLElement>('[data-field]')].map(({ dataset }) => dataset.field!);
  return (
    there.find((one) => one === path) ??
    there.find((one) => one.startsWith(`${path}.`)) ??
    there.find((one) => path.startsWith(`${one}.`))
  );
}

/** On a phone the picture is above the form. */
function showPicture(): void {
  const stage = document.querySelector('.stage');
  if (stage && stage.getBoundingClientRect().bottom < 0) stage.scrollIntoView({ behavior: 'smooth' });
}

function focusProblem(): void {
  // After the message is on the page: a reader reads it with the field.
  requestAnimationFrame(() => {
    const field = document.querySelector<HTMLElement>('[aria-invalid="true"]');
    const folded = field?.closest('details');
    if (folded) folded.open = true;
    field?.focus();
  });
}
