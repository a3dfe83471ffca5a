/**
 * A weighted prompt of any length as chunks of what the text encoder takes at once, as A1111's web UI cuts it: 75 tokens each, and
 * where a chunk ends in the middle of something, what follows the last comma goes to the next one.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { BREAK, parseEmphasis } from './emphasis.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A chunk as the text encoder takes it. */
export interface Chunk {
  /** i32 [T]: start, tokens, end, padding. */
  readonly ids: Int32Array;
  /** f32 [T]; 1 where nothing is emphasized. */
  readonly weights: Float32Array;
}

/** Tokens after a comma that move to the next chunk at most; beyond that the comma is too far back. */
const COMMA_REACH = 20;
/** Chunks of one prompt: the UNet attends to all of their tokens at every step. */
export const MAX_CHUNKS = 16;

/**
 * At least one chunk.
 * @throws MeshError INVALID_REQUEST when there are more than {@link MAX_CHUNKS}
 */
export function chunksOf(prompt: string, tokenizer: Tokenizer): Chunk[] {
  const cutter = new Cutter(tokenizer);
  for (const { text, weight } of parseEmphasis(prompt)) {
    if (text === BREAK.text && weight === BREAK.weight) cutter.next();
    else for (const token of tokenizer.tokens(text)) cutter.take(token, weight);
  }
  const chunks = cutter.end();
  if (chunks.length <= MAX_CHUNKS) return chunks;
  const { room } = tokenizer;
  const text = `The prompt fills ${chunks.length} chunks of ${room} tokens, ${MAX_CHUNKS} are allowed: make it shorter.`;
  throw new MeshError('INVALID_REQUEST', text, { path: 'prompt', chunks: chunks.length, limit: MAX_CHUNKS });
}

/** A chunk without weights. */
export function plainChunk(ids: Int32Array): Chunk {
  return { ids, weights: new Float32Array(ids.length).fill(1) };
}

class Cutter {
  readonly #tokenizer: Tokenizer;
  readonly #chunks: Chunk[] = [];
  #tokens: number[] = [];
  #weights: number[] = [];
  /** How many tokens of this chunk stand before its last comma. */
  #comma: number | undefined;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  take(token: number, weight: number): void {
    const isFull = this.#tokens.length === this.#tokenizer.room;
    if (token === this.#tokenizer.commaId) this.#comma = this.#tokens.length;
    else if (isFull && this.#comma !== undefined && this.#tokens.length - this.#comma <= COMMA_REACH) this.#backOff();
    if (this.#tokens.length === this.#tokenizer.room) this.next();
    this.#tokens.push(token);
    this.#weights.push(weight);
  }

  /** Ends the chunk, however full. */
  next(): void {
    this.#chunks.push({
      ids: this.#tokenizer.frame(this.#tokens),
      weights: Float32Array.from(this.#tokenizer.frame([]), (_, i) => this.#weights[i - 1] ?? 1),
    });
    this.#tokens = [];
    this.#weights = [];
    this.#comma = undefined;
  }

  end(): Chunk[] {
    if (this.#tokens.length > 0 || this.#chunks.length === 0) this.next();
    return this.#chunks;
  }

  /** What stands behind the comma begins the next chunk. */
  #backOff(): void {
    const tokens = this.#tokens.splice(this.#comma! + 1);
    const weights = this.#weights.splice(this.#comma! + 1);
    this.next();
    this.#tokens = tokens;
    this.#weights = weights;
  }
}
