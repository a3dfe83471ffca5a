import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { formatLogLine } from '#infra/mesh/log-line.ts';

const format = (line: string, minLevel: number) => {
  const text = formatLogLine(line, 'denoiser', minLevel);
  return text === undefined ? undefined : stripVTControlCharacters(text);
};

const WARNING = JSON.stringify({
  level: 40,
  time: 1,
  role: 'denoiser',
  instance: 'x',
  job: 'boat',
  took_ms: 3,
  msg: 'slow',
});

describe('log line — in a terminal', () => {
  it('shows the text and its own fields, not what every line has', () => {
    expect(format(WARNING, 40)).toBe('denoiser       warn  slow job=boat took_ms=3');
  });

  it('leaves out what is below the level asked for', () => {
    expect(format(WARNING, 50)).toBeUndefined();
  });

  it('shows lines that are no JSON only with information', () => {
    expect(format('    at main.ts:1:1', 40)).toBeUndefined();
    expect(format('{not json', 30)).toBe('denoiser       {not json');
  });
});
