import { describe, expect, it } from 'vitest';
import { matchesSubject } from '#shared/bus/subject-match.ts';
import { subjects } from '#shared/bus/subjects.ts';

describe('subjects — names', () => {
  it.each(['', 'a.b', '*', '>', 'a b', 'a\r\n', 'ё', 'x'.repeat(129)])('refuse %j as a token', (name) => {
    expect(() => subjects.events(name)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });

  it('are covered by the wildcards that are listened to', () => {
    expect(matchesSubject(subjects.heartbeats, subjects.heartbeat('vae', 'vae-1'))).toBe(true);
    expect(matchesSubject(subjects.allSpans, subjects.spans('0af7'))).toBe(true);
    expect(matchesSubject(subjects.calls, subjects.call('b1c2'))).toBe(true);
  });
});

describe('subjects — wildcards', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.b.c', false],
    ['a.b.c', 'a.b', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a', false],
    ['a.*', 'a.b.c', false],
    ['*.b', 'a.b', true],
    ['a.>', 'a.b.c', true],
    ['a.>', 'a', false],
    ['>', 'a', true],
  ])('%s takes %s: %s', (pattern, subject, takes) => {
    expect(matchesSubject(pattern, subject)).toBe(takes);
  });
});
