/**
 * Prompt editing as A1111's web UI reads it: `[before:after:when]`, `[after:when]`, `[before::when]`, `[one|other]`, nested as one
 * likes. Emphasis is the text encoder's: here it stays text.
 *
 * Grammar, tried from left to right; what fits nowhere is text, but a `|` outside of an alternation or a lone `\` makes all of it text:
 *   start      = (prompt | "[" | "]" | "(" | ")" | ":")*
 *   prompt     = (emphasis | scheduled | alternate | plain)*
 *   emphasis   = "(" prompt [":" prompt] ")" | "[" prompt "]"
 *   scheduled  = "[" [prompt ":"] prompt ":" number "]"
 *   alternate  = "[" prompt ("|" prompt)+ "]"
 *   plain      = characters other than \[]():| , or "\" with any character
 */

/** A prompt as a tree: text, and what changes over the steps. */
export type PromptNode = string | Scheduled | Alternate;

/** `before` up to a step, `after` from then on. */
export interface Scheduled {
  readonly before: readonly PromptNode[];
  readonly after: readonly PromptNode[];
  /** As it was written: with a point it is a fraction of the steps, without one a step. */
  readonly when: string;
}

/** One after the other, a step each. */
export interface Alternate {
  readonly options: readonly (readonly PromptNode[])[];
}

/** What was read, and where it ends. */
interface Read<T> {
  readonly value: T;
  readonly end: number;
}

const PLAIN = /(?:[^\\[\]():|]|\\.)+/y;
const NUMBER_AND_END = /\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\]/y;
/** Brackets in brackets; deeper ones are text. */
const MAX_DEPTH = 100;

/** The tree; undefined when all of it is text. */
export function parsePrompt(text: string): PromptNode[] | undefined {
  const reader = new Reader(text);
  const nodes: PromptNode[] = [];
  for (let at = 0; at < text.length; ) {
    const { value, end } = reader.prompt(at, 0);
    nodes.push(...value);
    at = end;
    if (at === text.length) break;
    if (!'[]():'.includes(text[at]!)) return undefined;
    nodes.push(text[at]!);
    at++;
  }
  return nodes;
}

class Reader {
  readonly #text: string;
  /** Where no bracket begins anything: found once, however often it is tried. */
  readonly #failed = new Set<number>();

  constructor(text: string) {
    this.#text = text;
  }

  /** As far as it goes; may be empty. */
  prompt(start: number, depth: number): Read<PromptNode[]> {
    const value: PromptNode[] = [];
    for (let at = start; ; ) {
      const item = this.#match(PLAIN, at) ?? this.#bracket(at, depth);
      if (!item) return { value, end: at };
      value.push(...item.value);
      at = item.end;
    }
  }

  #match(pattern: RegExp, at: number): Read<string[]> | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(this.#text);
    return found ? { value: [found[0]], end: pattern.lastIndex } : undefined;
  }

  #bracket(at: number, depth: number): Read<readonly PromptNode[]> | undefined {
    const opening = this.#text[at];
    if ((opening !== '(' && opening !== '[') || depth === MAX_DEPTH || this.#failed.has(at)) return undefined;
    const inner = this.prompt(at + 1, depth + 1);
    const read = opening === '(' ? this.#emphasis(inner, depth) : this.#square(inner, depth);
    if (!read) this.#failed.add(at);
    return read;
  }

  #emphasis({ value, end }: Read<PromptNode[]>, depth: number): Read<PromptNode[]> | undefined {
    if (this.#text[end] === ')') return { value: ['(', ...value, ')'], end: end + 1 };
    if (this.#text[end] !== ':') return undefined;
    const weight = this.prompt(end + 1, depth + 1);
    if (this.#text[weight.end] !== ')') return undefined;
    return { value: ['(', ...value, ':', ...weight.value, ')'], end: weight.end + 1 };
  }

  #square(first: Read<PromptNode[]>, depth: number): Read<readonly PromptNode[]> | undefined {
    const next = this.#text[first.end];
    if (next === ']') return { value: ['[', ...first.value, ']'], end: first.end + 1 };
    if (next === '|') return this.#alternate(first, depth);
    if (next !== ':') return undefined;
    const early = this.#when(first.end + 1);
    if (early) return { value: [{ before: [], after: first.value, when: early.value }], end: early.end };
    const second = this.prompt(first.end + 1, depth + 1);
    const late = this.#text[second.end] === ':' ? this.#when(second.end + 1) : undefined;
    return late && { value: [{ before: first.value, after: second.value, when: late.value }], end: late.end };
  }

  #alternate(first: Read<PromptNode[]>, depth: number): Read<readonly PromptNode[]> | undefined {
    const options = [first.value];
    let { end } = first;
    while (this.#text[end] === '|') {
      const option = this.prompt(end + 1, depth + 1);
      options.push(option.value);
      end = option.end;
    }
    return this.#text[end] === ']' ? { value: [{ options }], end: end + 1 } : undefined;
  }

  #when(at: number): Read<string> | undefined {
    NUMBER_AND_END.lastIndex = at;
    const found = NUMBER_AND_END.exec(this.#text);
    return found ? { value: found[1]!, end: NUMBER_AND_END.lastIndex } : undefined;
  }
}
