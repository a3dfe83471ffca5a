import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Progress } from '../../../services/cli/progress.ts';

const written = (isTTY: boolean) => {
  const texts: string[] = [];
  const progress = new Progress({ isTTY, write: (text) => texts.push(text) });
  progress.show({ type: 'queued', job: 'j' });
  progress.show({ type: 'started', job: 'j' });
  progress.show({ type: 'progress', job: 'j', step: 1, steps: 2, eta_ms: 1540 });
  progress.show({ type: 'progress', job: 'j', step: 2, steps: 2 });
  progress.end();
  progress.end();
  return texts;
};

describe('progress', () => {
  it('is one line for each step on a pipe', () => {
    expect(written(false).join('')).toBe('waiting for its turn\nstep 1/2\nstep 2/2\n');
  });

  it('is one line that is written anew in a terminal, and gone at the end', () => {
    const texts = written(true);
    expect(texts.every((text) => text.startsWith('\r\x1b[2K') && !text.includes('\n'))).toBe(true);
    expect(texts.map((text) => stripVTControlCharacters(text).trim())).toEqual([
      'waiting for its turn',
      '████████████░░░░░░░░░░░░ 1/2, 1.5 s left',
      '████████████████████████ decoding',
      '',
    ]);
  });
});
