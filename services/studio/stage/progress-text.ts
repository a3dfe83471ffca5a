/** Progress and times in words. */
import type { Job } from '../state/job.ts';

type Progressing = Pick<Job, 'state' | 'step' | 'steps' | 'etaMs' | 'position'>;

/** `Step 7 of 20, 1.2 s left`. */
export function progressText({ state, step, steps, etaMs, position }: Progressing): string {
  if (state === 'queued') {
    if (position === undefined) return 'Waiting for its turn';
    return position === 0 ? 'Next in the queue' : `Waiting, ${position} before it`;
  }
  if (step === 0) return 'Reading the prompt';
  if (step >= steps) return 'Decoding the picture';
  return `Step ${step} of ${steps}${etaMs === undefined ? '' : `, ${seconds(etaMs)} left`}`;
}

/** Time as people say it. */
export function seconds(ms: number): string {
  if (ms < 100) return `${Math.round(ms)} ms`;
  if (ms < 1000) return `${Math.round(ms / 10) * 10} ms`;
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
