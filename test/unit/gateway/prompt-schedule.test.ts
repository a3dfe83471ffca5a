/** What A1111's web UI documents of its grammar, in our counting: `[3, 'a '], [10, 'a b']` there is 0 and 4 here. */
import { describe, expect, it } from 'vitest';
import { promptSchedule } from '../../../services/gateway/prompt-schedule.ts';

const at = (prompt: string, steps = 10, stepsBefore?: number): [number, string][] =>
  promptSchedule(prompt, { steps, ...(stepsBefore !== undefined && { stepsBefore }) }).map(({ first_call, text }) => [
    first_call,
    text,
  ]);

describe('prompt editing — as A1111 reads it', () => {
  it.each<[string, [number, string][]]>([
    ['test', [[0, 'test']]],
    [
      'a [b:3]',
      [
        [0, 'a '],
        [4, 'a b'],
      ],
    ],
    [
      'a [b: 3]',
      [
        [0, 'a '],
        [4, 'a b'],
      ],
    ],
    [
      'a [[[b]]:2]',
      [
        [0, 'a '],
        [3, 'a [[b]]'],
      ],
    ],
    [
      '[(a:2):3]',
      [
        [0, ''],
        [4, '(a:2)'],
      ],
    ],
    [
      'a [b : c : 1] d',
      [
        [0, 'a b  d'],
        [2, 'a  c  d'],
      ],
    ],
    [
      'a[b:[c:d:2]:1]e',
      [
        [0, 'abe'],
        [2, 'ace'],
        [3, 'ade'],
      ],
    ],
    [
      'a [b:.5] c',
      [
        [0, 'a  c'],
        [6, 'a b c'],
      ],
    ],
    [
      'a [b::0.4] c',
      [
        [0, 'a b c'],
        [5, 'a  c'],
      ],
    ],
    [
      '((a][:b:c [d:3]',
      [
        [0, '((a][:b:c '],
        [4, '((a][:b:c d'],
      ],
    ],
    [
      '(a [b:c:2]:1.2)',
      [
        [0, '(a b:1.2)'],
        [3, '(a c:1.2)'],
      ],
    ],
    ['[a:b:0]', [[0, 'b']]],
    ['[a:b:99]', [[0, 'a']]],
    ['[a:b:-3]', [[0, 'b']]],
  ])('%s', (prompt, want) => {
    expect(at(prompt)).toEqual(want);
  });

  it.each([
    'a [unbalanced',
    'a (b',
    'a ] b ) c : d',
    '(very [much]:1.2) \\[so\\]',
    'a | b [c:d:0.5]',
    '[a|b',
    '[a:b|c:0.5]',
    'a [{b|d{:.5] c',
    'a \\',
    '[a:b:c:0.5]',
    '[a:b]',
    '[a:b:soon]',
    '',
  ])('%s is text', (prompt) => {
    expect(at(prompt)).toEqual([[0, prompt]]);
  });

  it('alternates at every step, the first option once more at the beginning', () => {
    expect(at('[a|(b:1.1)]', 4)).toEqual([
      [0, 'a'],
      [2, '(b:1.1)'],
      [3, 'a'],
      [4, '(b:1.1)'],
    ]);
    expect(at('[fe|]male', 3)).toEqual([
      [0, 'female'],
      [2, 'male'],
      [3, 'female'],
    ]);
    expect(at('[fe|||]male', 6)).toEqual([
      [0, 'female'],
      [2, 'male'],
      [5, 'female'],
      [6, 'male'],
    ]);
  });

  it('counts a second run on: fractions beyond 1, whole numbers beyond the first run', () => {
    expect(at('a [b:.5] c', 10, 10)).toEqual([[0, 'a b c']]);
    expect(at('a [b:1.5] c', 10, 10)).toEqual([
      [0, 'a  c'],
      [6, 'a b c'],
    ]);
    expect(at('a [b:13] c', 10, 10)).toEqual([
      [0, 'a  c'],
      [4, 'a b c'],
    ]);
  });

  it('reads brackets without end, however many, as text and soon', () => {
    for (const prompt of ['['.repeat(4000), '('.repeat(4000), '[a:'.repeat(1300), '(a[b|'.repeat(800)]) {
      expect(at(prompt)).toEqual([[0, prompt]]);
    }
  });
});
