import { describe, expect, it } from 'vitest';
import { progressText, seconds } from '../../../services/studio/stage/progress-text.ts';

const JOB = { state: 'running', step: 0, steps: 20 } as const;

describe('studio — progress in words', () => {
  it.each([
    [{ ...JOB, state: 'queued' }, 'Waiting for its turn'],
    [{ ...JOB, state: 'queued', position: 0 }, 'Next in the queue'],
    [{ ...JOB, state: 'queued', position: 3 }, 'Waiting, 3 before it'],
    [JOB, 'Reading the prompt'],
    [{ ...JOB, step: 7 }, 'Step 7 of 20'],
    [{ ...JOB, step: 7, etaMs: 1234 }, 'Step 7 of 20, 1.2 s left'],
    [{ ...JOB, step: 20 }, 'Decoding the picture'],
  ] as const)('%j: %s', (job, text) => {
    expect(progressText(job)).toBe(text);
  });

  it.each([
    [4, '4 ms'],
    [840, '840 ms'],
    [1500, '1.5 s'],
    [180_000, '3 min'],
  ])('%d ms are %s', (ms, text) => {
    expect(seconds(ms)).toBe(text);
  });
});
