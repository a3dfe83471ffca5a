/** Prompts against the words that a model knows: a small model draws something else without a word of warning. */
import type { Vocabulary } from '#shared/checkpoint/vocabulary.ts';
import type { Warning } from '#shared/contracts/generate.ts';

/** Words that are told; the rest is counted. */
const MAX_TOLD = 5;
const MAX_WORD_CHARS = 40;

/** One warning for all prompts together, or none. Signs and numbers are no words. */
export function warnOfUnknownWords(model: string, prompts: readonly string[], vocabulary?: Vocabulary): Warning[] {
  if (!vocabulary) return [];
  const words = prompts.flatMap((prompt) => prompt.toLowerCase().match(/\p{Letter}+/gu) ?? []);
  const unknown = [...new Set(words)].filter((word) => !vocabulary.words.has(word));
  if (unknown.length === 0) return [];
  const told = unknown.slice(0, MAX_TOLD).map((word) => `"${word.slice(0, MAX_WORD_CHARS)}"`);
  const more = unknown.length > MAX_TOLD ? ` and ${unknown.length - MAX_TOLD} more` : '';
  const examples = vocabulary.examples.map((example) => `"${example}"`).join(', ');
  const message = `The model ${model} knows a small world and has never seen ${told.join(', ')}${more}. What it knows: ${examples}.`;
  return [{ field: 'prompt', message }];
}
