import { describe, expect, it } from 'vitest';
import { chunksOf, MAX_CHUNKS } from '../../../services/text-encoder/chunks.ts';
import type { Tokenizer } from '../../../services/text-encoder/tokenizer.ts';
import { errorOf } from '../diffusion/thrown.ts';

const ROOM = 75;
const [START, END, COMMA] = [1000, 1001, 44];

/** A token for each letter, by its code. */
const tokenizer: Tokenizer = {
  room: ROOM,
  commaId: COMMA,
  tokens: (text) => [...text].map((letter) => letter.charCodeAt(0)),
  frame: (tokens) => Int32Array.from({ length: ROOM + 2 }, (_, i) => [START, ...tokens][i] ?? END),
  encode: () => {
    throw new Error('not asked');
  },
};

/** The letters of each chunk. */
function cut(prompt: string): string[] {
  return chunksOf(prompt, tokenizer).map(({ ids }) =>
    String.fromCharCode(...ids.filter((id) => id !== START && id !== END)),
  );
}

const x = (count: number): string => 'x'.repeat(count);

describe('chunks of a prompt', () => {
  it('is one that is framed, also when it is empty', () => {
    const [chunk, ...others] = chunksOf('', tokenizer);
    expect(others).toEqual([]);
    expect([...chunk!.ids.slice(0, 2)]).toEqual([START, END]);
    expect(chunk!.weights.every((weight) => weight === 1)).toBe(true);
  });

  it('is one up to 75 tokens, two from 76 on', () => {
    expect(cut(x(75))).toEqual([x(75)]);
    expect(cut(x(76))).toEqual([x(75), 'x']);
  });

  it('ends at a comma that is at most 20 tokens back', () => {
    expect(cut(`${x(60)},${x(20)}`)).toEqual([`${x(60)},`, x(20)]);
    expect(cut(`${x(55)},${x(30)}`)).toEqual([`${x(55)},`, x(30)]);
    expect(cut(`${x(54)},${x(30)}`)).toEqual([`${x(54)},${x(20)}`, x(10)]);
    expect(cut(`${x(75)},${x(5)}`)).toEqual([x(75), `,${x(5)}`]);
  });

  it('ends at BREAK, however short it is', () => {
    expect(cut('one BREAK two')).toEqual(['one', 'two']);
    expect(cut('BREAK')).toEqual(['']);
  });

  it('keeps weights beside their tokens, also of those that move on', () => {
    const [, second] = chunksOf(`${x(70)},(${x(10)}:1.5)`, tokenizer);
    expect([...second!.weights.slice(0, 12)]).toEqual([1, ...Array.from({ length: 10 }, () => 1.5), 1]);
  });

  it('is refused when there are too many', () => {
    expect(cut(x(ROOM * MAX_CHUNKS)).length).toBe(MAX_CHUNKS);
    expect(errorOf(() => cut(x(ROOM * MAX_CHUNKS + 1)))).toMatchObject({
      code: 'INVALID_REQUEST',
      details: { path: 'prompt', chunks: MAX_CHUNKS + 1 },
    });
  });
});
