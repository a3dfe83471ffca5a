/** The two things a person does: ask for pictures with the form as it is, and give up what runs. */
import { signal } from '@preact/signals';
import { bodyOf, type ErrorBody } from '../server.ts';
import { form, guides, hints, problems, start } from './form.ts';
import { isRunning } from './job.ts';
import { cancel, running, selected, submit } from './jobs.ts';
import { problemsOf, toRequest } from './request.ts';

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
  const { field } = error;
  if (field && document.querySelector(`[data-field="${CSS.escape(field)}"]`)) {
    problems.value = { [field]: error.message };
    focusProblem();
  } else refusal.value = error;
}

/** On a phone the picture is above the form. */
function showPicture(): void {
  const stage = document.querySelector('.stage');
  if (stage && stage.getBoundingClientRect().bottom < 0) stage.scrollIntoView({ behavior: 'smooth' });
}

function focusProblem(): void {
  // After the message is on the page: a reader reads it with the field.
  requestAnimationFrame(() => document.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
