/**
 * Emphasis as A1111's web UI reads it: `(more)` is 1.1 times, `[less]` 1/1.1 times, `(as much:1.3)` 1.3 times, brackets in brackets
 * multiply, `\(` is a bracket. Brackets that do not close act to the end, those that do not open are text. BREAK begins a new chunk.
 */

/** A stretch of a prompt that has one weight. */
export interface WeightedText {
  readonly text: string;
  readonly weight: number;
}

/** Where a chunk ends; a BREAK inside brackets is weighted like a word, and is read as one. */
export const BREAK: WeightedText = { text: 'BREAK', weight: -1 };

const ROUND = 1.1;
const SQUARE = 1 / 1.1;

/** Escapes, brackets, a weight with its bracket, text, and a colon that is neither. */
const TOKENS = /\\[()[\]\\]|\\|[([]|:\s*([+-]?[.\d]+)\s*\)|[)\]]|[^\\()[\]:]+|:/g;
const BREAKS = /\s*\bBREAK\b\s*/;

/** At least one stretch; neighbours differ in weight. */
export function parseEmphasis(prompt: string): WeightedText[] {
  const reader = new EmphasisReader();
  for (const [token, weight] of prompt.matchAll(TOKENS)) reader.take(token, weight);
  return joinNeighbours(reader.end());
}

class EmphasisReader {
  readonly #stretches: { text: string; weight: number }[] = [];
  /** Of brackets that are open: the stretch that each begins before. */
  readonly #round: number[] = [];
  readonly #square: number[] = [];

  take(token: string, weight: string | undefined): void {
    if (token.startsWith('\\')) this.#add(token.slice(1));
    else if (token === '(') this.#round.push(this.#stretches.length);
    else if (token === '[') this.#square.push(this.#stretches.length);
    else if (Number.isFinite(Number(weight)) && this.#round.length > 0) this.#close(this.#round, Number(weight));
    else if (token === ')' && this.#round.length > 0) this.#close(this.#round, ROUND);
    else if (token === ']' && this.#square.length > 0) this.#close(this.#square, SQUARE);
    else this.#addText(token);
  }

  end(): readonly WeightedText[] {
    while (this.#round.length > 0) this.#close(this.#round, ROUND);
    while (this.#square.length > 0) this.#close(this.#square, SQUARE);
    return this.#stretches.length > 0 ? this.#stretches : [{ text: '', weight: 1 }];
  }

  #add(text: string): void {
    this.#stretches.push({ text, weight: 1 });
  }

  #addText(token: string): void {
    for (const [i, part] of token.split(BREAKS).entries()) {
      if (i > 0) this.#stretches.push({ ...BREAK });
      this.#add(part);
    }
  }

  #close(open: number[], factor: number): void {
    for (const stretch of this.#stretches.slice(open.pop())) stretch.weight *= factor;
  }
}

function joinNeighbours(stretches: readonly WeightedText[]): WeightedText[] {
  const joined: { text: string; weight: number }[] = [];
  for (const { text, weight } of stretches) {
    const last = joined.at(-1);
    if (last?.weight === weight) last.text += text;
    else joined.push({ text, weight });
  }
  return joined;
}
