/** How far a job is: its place in the queue, its step, the time that is left. */
import type { JSX } from 'preact';
import type { Job } from '../state/job.ts';
import { progressText } from './progress-text.ts';

/** See the head of this file. */
export function Progress({ job }: { job: Job }): JSX.Element {
  const { step, steps } = job;
  return (
    <div class="progress">
      <progress max={Math.max(1, steps)} value={step} aria-label="Steps of the picture" />
      <p role="status">{progressText(job)}</p>
    </div>
  );
}
