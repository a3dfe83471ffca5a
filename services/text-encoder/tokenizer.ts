/**
 * The tokenizer of CLIP. Our own because the ids have to be those that the model was trained with at every edge (lower case
 * per character, Unicode's white space, special tokens inside a prompt), and the published one for JavaScript differs there.
 */
import { END_OF_WORD } from '#shared/checkpoint/byte-letters.ts';
import { BytePairEncoder, idOf } from './bpe.ts';

/** What a tokenizer's folder says. */
export interface TokenizerDefinition {
  /** Ids by token. */
  readonly vocab: ReadonlyMap<string, number>;
  /** Pairs that are joined, the earlier the sooner. */
  readonly merges: readonly (readonly [string, string])[];
  /** What stands behind the end of a prompt. */
  readonly padToken: string;
}

/** A prompt as the text encoder takes it. */
export interface EncodedPrompt {
  /** i32 [T]: start, tokens, end, padding. */
  readonly ids: Int32Array;
  /** Tokens with start and end, had none been cut. */
  readonly untruncatedLength: number;
  /** The end of the prompt that has no place among `ids`, for a warning; empty when all has. */
  readonly truncatedText: string;
}

/** Turns prompts into ids; holds no state between prompts. */
export interface Tokenizer {
  encode(prompt: string): EncodedPrompt;
  /** Ids of a text of any length, without start and end. */
  tokens(text: string): number[];
  /** i32 [T]: start, at most {@link room} tokens, end, padding. */
  frame(tokens: readonly number[]): Int32Array;
  /** Tokens between start and end. */
  readonly room: number;
  readonly commaId: number;
}

/** Stands before every prompt. */
export const START_TOKEN = '<|startoftext|>';
/** Stands behind every prompt, also behind one that was cut. */
export const END_TOKEN = '<|endoftext|>';

/** Special in a prompt too, in this case only. */
const SPECIAL_TOKENS = /(<\|startoftext\|>|<\|endoftext\|>)/;
/** Unicode's white space: with U+0085, which JavaScript's `\s` lacks, and without U+FEFF, which it has. */
const WHITE_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;
/** Contractions, words, single digits, runs of anything else. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^ \p{L}\p{N}]+/gu;

/** A word with its ids, and the prompt from it on up to the next special token. */
interface Piece {
  readonly ids: readonly number[];
  readonly text: () => string;
}

/**
 * Makes a tokenizer for prompts of `length` (`T`) tokens.
 * @throws MeshError CONFIG_INVALID when a byte, a special token or a part of a merge is not in the vocabulary.
 */
export function createTokenizer({ vocab, merges, padToken }: TokenizerDefinition, length = 77): Tokenizer {
  const words = new BytePairEncoder(vocab, merges);
  const [start, end, pad] = [START_TOKEN, END_TOKEN, padToken].map((token) => idOf(vocab, token)) as [
    number,
    number,
    number,
  ];
  const room = length - 2;

  const piecesOf = (segment: string): Piece[] => {
    if (SPECIAL_TOKENS.test(segment)) return [{ ids: [idOf(vocab, segment)], text: () => segment }];
    const shown = segment.normalize('NFC').replace(WHITE_SPACE, ' ');
    const lower = lowerCase(shown);
    // The one letter that becomes two (İ) moves what follows: then the lower case is shown.
    const source = lower.length === shown.length ? shown : lower;
    const matches = [...lower.matchAll(WORDS)];
    return matches.map(({ 0: word, index }) => ({ ids: words.encode(word), text: () => source.slice(index) }));
  };

  const segmentsOf = (text: string): Piece[][] => text.split(SPECIAL_TOKENS).map(piecesOf);
  const tokensOf = (segments: readonly Piece[][]): number[] => segments.flat().flatMap((piece) => piece.ids);
  const frame = (tokens: readonly number[]): Int32Array => {
    const ids = new Int32Array(length).fill(pad);
    ids.set([start, ...tokens.slice(0, room), end]);
    return ids;
  };

  return {
    room,
    commaId: idOf(vocab, `,${END_OF_WORD}`),
    frame,
    tokens: (text) => tokensOf(segmentsOf(text)),
    encode(prompt) {
      const segments = segmentsOf(prompt);
      const tokens = tokensOf(segments);
      const untruncatedLength = tokens.length + 2;
      return { ids: frame(tokens), untruncatedLength, truncatedText: textBeyond(segments, room) };
    },
  };
}

/** Per character: the lower case of a whole string turns the last Σ of a word into ς, which CLIP never saw. */
function lowerCase(text: string): string {
  return Array.from(text, (character) => character.toLowerCase()).join('');
}

/** The text from the first word on that has not all of its tokens among the first `room`. */
function textBeyond(segments: readonly (readonly Piece[])[], room: number): string {
  let used = 0;
  let beyond = '';
  for (const pieces of segments) {
    for (const { ids, text } of pieces) {
      used += ids.length;
      if (used <= room) continue;
      beyond += text();
      break;
    }
  }
  return beyond.trim();
}
