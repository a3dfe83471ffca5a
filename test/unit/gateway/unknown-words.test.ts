import { describe, expect, it } from 'vitest';
import { warnOfUnknownWords } from '../../../services/gateway/unknown-words.ts';

const VOCABULARY = { words: new Set(['a', 'red', 'boat']), examples: ['a red boat', 'a boat'] };

const warn = (...prompts: string[]) => warnOfUnknownWords('pocket', prompts, VOCABULARY);

describe('gateway — words that a small model never saw', () => {
  it('are told once, with what works instead', () => {
    expect(warn('a red castle', 'a castle', 'A BOAT')).toEqual([
      {
        field: 'prompt',
        message:
          'The model pocket knows a small world and has never seen "castle". What it knows: "a red boat", "a boat".',
      },
    ]);
  });

  it('are counted where they are many', () => {
    const [{ message } = { message: '' }] = warn('one two three four five six seven');
    expect(message).toContain('"one", "two", "three", "four", "five" and 2 more.');
  });

  it.each([
    ['known words', 'a red boat'],
    ['signs, numbers and capitals', 'A RED boat, (boat:1.2) !'],
    ['nothing', ''],
  ])('are not in %s', (_, prompt) => {
    expect(warn(prompt)).toEqual([]);
  });

  it('are words in other scripts, too', () => {
    expect(warn('un été', '赤い船')[0]!.message).toContain('"un", "été", "赤い船"');
  });

  it('are unknown to nobody where the model has no list of words', () => {
    expect(warnOfUnknownWords('sd15', ['a castle'])).toEqual([]);
  });
});
