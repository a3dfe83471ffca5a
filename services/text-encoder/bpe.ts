/** Byte-pair encoding as CLIP uses it: a word is UTF-8 bytes, the last one marked, joined pair by pair in learned order. */
import { BYTE_LETTERS, END_OF_WORD } from '#shared/checkpoint/byte-letters.ts';
import { MeshError } from '#shared/errors/errors.ts';

/** A learned pair: its rank (lower is joined first) and the id of what it becomes. */
interface Join {
  readonly rank: number;
  readonly id: number;
}

/** Turns words into ids. */
export class BytePairEncoder {
  readonly #inside: readonly number[];
  readonly #last: readonly number[];
  readonly #joins = new Map<number, Join>();
  readonly #size: number;

  /** @throws MeshError CONFIG_INVALID when the vocabulary lacks a byte, or one side or the result of a merge. */
  constructor(vocab: ReadonlyMap<string, number>, merges: readonly (readonly [string, string])[]) {
    this.#inside = BYTE_LETTERS.map((letter) => idOf(vocab, letter));
    this.#last = BYTE_LETTERS.map((letter) => idOf(vocab, letter + END_OF_WORD));
    this.#size = 1 + [...vocab.values()].reduce((largest, id) => Math.max(largest, id), 0);
    for (const [rank, [left, right]] of merges.entries()) {
      const key = this.#key(idOf(vocab, left), idOf(vocab, right));
      if (!this.#joins.has(key)) this.#joins.set(key, { rank, id: idOf(vocab, left + right) });
    }
  }

  /** Ids of one word, which must not be empty. */
  encode(word: string): number[] {
    const bytes = Buffer.from(word);
    const ids = [...bytes].map((byte, i) => (i === bytes.length - 1 ? this.#last : this.#inside)[byte]!);
    const joins = ids.map((_, i) => this.#joinAt(ids, i));
    for (let i = lowest(joins); joins[i]; i = lowest(joins)) {
      ids.splice(i, 2, joins[i]!.id);
      joins.splice(i, 1);
      joins[i] = this.#joinAt(ids, i);
      if (i > 0) joins[i - 1] = this.#joinAt(ids, i - 1);
    }
    return ids;
  }

  #joinAt(ids: readonly number[], i: number): Join | undefined {
    return i + 1 < ids.length ? this.#joins.get(this.#key(ids[i]!, ids[i + 1]!)) : undefined;
  }

  #key(left: number, right: number): number {
    return left * this.#size + right;
  }
}

/** Index of the join of lowest rank, the leftmost of equals; 0 when there is none. A plain loop: it is most of the time. */
function lowest(joins: readonly (Join | undefined)[]): number {
  let best = 0;
  let bestRank = Number.POSITIVE_INFINITY;
  for (let i = 0; i < joins.length; i++) {
    const join = joins[i];
    if (!join || join.rank >= bestRank) continue;
    best = i;
    bestRank = join.rank;
  }
  return best;
}

/** @throws MeshError CONFIG_INVALID when the vocabulary has no such token. */
export function idOf(vocab: ReadonlyMap<string, number>, token: string): number {
  const id = vocab.get(token);
  if (id !== undefined) return id;
  throw new MeshError('CONFIG_INVALID', `The tokenizer's vocabulary has no token ${JSON.stringify(token)}.`, { token });
}
