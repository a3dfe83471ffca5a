/** A tokenizer of CLIP's kind for a list of words: byte-level pairs, learned from nothing else. */
import { BYTE_LETTERS, END_OF_WORD } from '#shared/checkpoint/byte-letters.ts';

/** What is written to `vocab.json` and `merges.txt`. */
export interface WordTokenizer {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly string[];
}

/** Of the words, which are of plain letters, each becomes one token; whatever else is written is spelled in bytes. */
export function wordTokenizer(words: readonly string[]): WordTokenizer {
  const merges = learnMerges(words.map(spell));
  // CLIP's order: the letters as they sort, then with the mark, then the merges, then start and end.
  const letters = [...BYTE_LETTERS].sort();
  const marked = letters.map((letter) => letter + END_OF_WORD);
  const joined = merges.map((pair) => pair.replace(' ', ''));
  const tokens = [...letters, ...marked, ...joined, '<|startoftext|>', '<|endoftext|>'];
  return { vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges };
}

function spell(word: string): string[] {
  return [...word.slice(0, -1), word.slice(-1) + END_OF_WORD];
}

/** Byte-pair encoding (Sennrich et al. 2016, algorithm 1): joins the most frequent pair until every word is one token. */
function learnMerges(spelled: readonly string[][]): string[] {
  const merges: string[] = [];
  let words = spelled;
  for (let pair = mostFrequentPair(words); pair; pair = mostFrequentPair(words)) {
    const [left, right] = pair;
    merges.push(`${left} ${right}`);
    words = words.map((parts) => joinPair(parts, left, right));
  }
  return merges;
}

function mostFrequentPair(words: readonly string[][]): [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const parts of words) {
    for (let i = 1; i < parts.length; i++) {
      const pair = `${parts[i - 1]} ${parts[i]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
  }
  const [best] = [...counts].sort(([, a], [, b]) => b - a);
  return best?.[0].split(' ') as [string, string] | undefined;
}

function joinPair(parts: readonly string[], left: string, right: string): string[] {
  const joined: string[] = [];
  for (const part of parts) {
    if (part === right && joined.at(-1) === left) joined[joined.length - 1] = left + right;
    else joined.push(part);
  }
  return joined;
}
