import { describe, expect, it } from 'vitest';
import { parseEmphasis } from '../../../services/text-encoder/emphasis.ts';

const read = (prompt: string): [string, number][] => parseEmphasis(prompt).map(({ text, weight }) => [text, weight]);

describe('emphasis — as A1111 reads it', () => {
  it.each<[string, [string, number][]]>([
    ['normal text', [['normal text', 1]]],
    [
      'an (important) word',
      [
        ['an ', 1],
        ['important', 1.1],
        [' word', 1],
      ],
    ],
    [
      'an [unimportant] word',
      [
        ['an ', 1],
        ['unimportant', 1 / 1.1],
        [' word', 1],
      ],
    ],
    ['(unbalanced', [['unbalanced', 1.1]]],
    ['un)balanced]', [['un)balanced]', 1]]],
    ['\\(literal\\]', [['(literal]', 1]]],
    ['a\\b', [['ab', 1]]],
    ['(unnecessary)(parens)', [['unnecessaryparens', 1.1]]],
    [
      'a (b:1.3) c',
      [
        ['a ', 1],
        ['b', 1.3],
        [' c', 1],
      ],
    ],
    [
      'a (b: -0.5 ) c',
      [
        ['a ', 1],
        ['b', -0.5],
        [' c', 1],
      ],
    ],
    ['a b:1.3) c', [['a b:1.3) c', 1]]],
    ['a: b', [['a: b', 1]]],
    ['', [['', 1]]],
    [
      'a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).',
      [
        ['a ', 1],
        ['house', 1.5730000000000004],
        [' ', 1.1],
        ['on', 1],
        [' a ', 1.1],
        ['hill', 0.55],
        [', sun, ', 1.1],
        ['sky', 1.4641000000000006],
        ['.', 1.1],
      ],
    ],
    [
      'a BREAK b',
      [
        ['a', 1],
        ['BREAK', -1],
        ['b', 1],
      ],
    ],
    ['BREAKFAST', [['BREAKFAST', 1]]],
  ])('%s', (prompt, want) => {
    expect(read(prompt)).toEqual(want);
  });

  it('reads a weight that is no number as text', () => {
    expect(read('(a:1.2.3)')).toEqual([['a:1.2.3)', 1.1]]);
  });
});
