/**
 * Learned words in the tokens of a prompt, as A1111 finds them: where the tokens of a word's name stand, its vectors take their place. Each
 * vector goes by an id beyond the vocabulary, so that whoever cuts and weights tokens need not know of it.
 */
import { f32, type Tensor } from '#shared/tensor/tensor.ts';
import type { LearnedWord } from './embedding-library.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A prompt's ids with vectors in some places. */
export interface LearnedPrompt {
  /** i32 [T]; 0 where a vector stands. */
  readonly ids: Int32Array;
  /** f32 [1, T, 1]: 0 where a vector stands, else 1 */
  readonly kept: Tensor<'f32'>;
  /** f32 [1, T, D]: the vectors, zeros elsewhere */
  readonly learned: Tensor<'f32'>;
}

interface Lookup {
  readonly tokens: readonly number[];
  readonly word: LearnedWord;
}

/** See the head of this file. */
export class LearnedTokens {
  /** The tokenizer, which knows learned words. */
  readonly tokenizer: Tokenizer;
  readonly #plain: Tokenizer;
  readonly #encoder: number;
  readonly #vocabSize: number;
  #words: readonly LearnedWord[] = [];
  /** By first token; of several the longest name first. */
  #lookups = new Map<number, Lookup[]>();

  /** encoder  which of a word's vectors are for this text encoder */
  constructor(plain: Tokenizer, encoder: { readonly index: number; readonly vocabSize: number }) {
    this.#plain = plain;
    this.#encoder = encoder.index;
    this.#vocabSize = encoder.vocabSize;
    this.tokenizer = { ...plain, tokens: (text) => this.#tokens(text), encode: (prompt) => this.#encode(prompt) };
  }

  /** From now on these words are known. */
  learn(words: readonly LearnedWord[]): void {
    if (words === this.#words) return;
    this.#words = words;
    const lookups = words
      .map((word) => ({ word, tokens: this.#plain.tokens(word.name) }))
      .filter(({ tokens }) => tokens.length > 0)
      .sort((a, b) => b.tokens.length - a.tokens.length);
    this.#lookups = Map.groupBy(lookups, ({ tokens }) => tokens[0]!);
  }

  /** Ids as the network takes them; the ids themselves where no learned word stands. */
  read(ids: Int32Array): Int32Array | LearnedPrompt {
    if (ids.every((id) => id < this.#vocabSize)) return ids;
    const width = this.#words.find(({ vectors }) => vectors.length > 0)!.vectors[this.#encoder]!.shape[1]!;
    const kept = f32([1, ids.length, 1], new Float32Array(ids.length).fill(1));
    const learned = f32([1, ids.length, width]);
    const plain = ids.map((id, place) => {
      if (id < this.#vocabSize) return id;
      kept.data[place] = 0;
      learned.data.set(this.#vector(id - this.#vocabSize), place * width);
      return 0;
    });
    return { ids: plain, kept, learned };
  }

  #vector(number: number): Float32Array {
    const word = this.#words.find(({ firstVector, vectors }) => {
      const count = vectors[this.#encoder]?.shape[0] ?? 0;
      return number >= firstVector && number < firstVector + count;
    })!;
    const { data, shape } = word.vectors[this.#encoder]!;
    const width = shape[1]!;
    const row = number - word.firstVector;
    return data.subarray(row * width, (row + 1) * width);
  }

  #tokens(text: string): number[] {
    return this.#replace(this.#plain.tokens(text));
  }

  #encode(prompt: string): ReturnType<Tokenizer['encode']> {
    const plain = this.#plain.encode(prompt);
    const tokens = this.#tokens(prompt);
    if (tokens.every((id) => id < this.#vocabSize)) return plain;
    const truncatedText = tokens.length > this.#plain.room ? plain.truncatedText : '';
    return { ids: this.#plain.frame(tokens), untruncatedLength: tokens.length + 2, truncatedText };
  }

  /** @throws MeshError EMBEDDING_* of a word that cannot be used */
  #replace(tokens: readonly number[]): number[] {
    const replaced: number[] = [];
    for (let at = 0; at < tokens.length; ) {
      const found = this.#wordAt(tokens, at);
      if (!found) replaced.push(tokens[at++]!);
      else {
        const { word } = found;
        const count = word.vectors[this.#encoder]!.shape[0]!;
        for (let row = 0; row < count; row++) replaced.push(this.#vocabSize + word.firstVector + row);
        at += found.tokens.length;
      }
    }
    return replaced;
  }

  /** A file that cannot be used and is called by an ordinary word leaves that word what it was. */
  #wordAt(tokens: readonly number[], at: number): Lookup | undefined {
    const candidates = this.#lookups.get(tokens[at]!) ?? [];
    const found = candidates.find((one) => one.tokens.every((token, i) => tokens[at + i] === token));
    if (!found?.word.problem) return found;
    if (found.tokens.length === 1) return undefined;
    throw found.word.problem;
  }
}
