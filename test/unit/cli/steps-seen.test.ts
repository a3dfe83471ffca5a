import { describe, expect, it } from 'vitest';
import { StepsSeen } from '../../../services/cli/steps-seen.ts';

const progress = (job: string, step: number) =>
  ({ type: 'progress', job, step, steps: 20, instance: 'denoiser-1' }) as const;

describe('command line — steps of jobs', () => {
  it('counts those since the last look, whichever were missed', () => {
    const seen = new StepsSeen();
    seen.hear({ type: 'started', job: 'a' }, 0);
    for (const step of [1, 2, 5]) seen.hear(progress('a', step), 0);
    expect([seen.take(), seen.take()]).toEqual([5, 0]);
    expect(seen.running(0)).toEqual([{ job: 'a', step: 5, steps: 20, instance: 'denoiser-1' }]);
  });

  it('counts one step of a job that it finds on its way', () => {
    const seen = new StepsSeen();
    seen.hear(progress('a', 12), 0);
    expect(seen.take()).toBe(1);
  });

  it('forgets what ended, and what it has long heard nothing of', () => {
    const seen = new StepsSeen();
    seen.hear(progress('a', 1), 0);
    seen.hear(progress('b', 1), 0);
    seen.hear({ type: 'done', job: 'a' }, 1);
    expect(seen.running(1).map(({ job }) => job)).toEqual(['b']);
    expect(seen.running(60_000)).toEqual([]);
  });
});
