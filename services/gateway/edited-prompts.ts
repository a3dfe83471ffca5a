/** The prompts of a job in A1111's syntax, over the calls of its runs. */
import { MAX_CONDITIONINGS } from '#shared/contracts/limits.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { EditedPrompts } from './job.ts';
import { type PromptFrom, type PromptRun, promptSchedule } from './prompt-schedule.ts';
import { invalidRequest } from './validation.ts';

/** One prompt and one negative prompt for each picture. */
export interface PromptSet {
  readonly prompts: string[];
  readonly negative_prompts: string[];
}

/** Two prompts that are joined while the picture is made: no text encoder can do that. */
const JOINED = /\bAND\b/;

/**
 * Undefined when nothing changes over the runs: then prompts are encoded as they stand.
 *
 * runs   the first, and the second of `hires`
 * @throws MeshError UNSUPPORTED_OPTION for AND; INVALID_REQUEST when there are too many different prompts
 */
export function editedPrompts(raw: PromptSet, runs: readonly PromptRun[]): EditedPrompts | undefined {
  for (const [i, prompt] of raw.prompts.entries()) {
    if (JOINED.test(prompt)) throw joined(raw.prompts.length > 1 ? `prompt.${i}` : 'prompt');
  }
  const sets: PromptSet[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (set: PromptSet): number => {
    const key = JSON.stringify(set);
    const index = indexes.get(key) ?? sets.push(set) - 1;
    indexes.set(key, index);
    return index;
  };
  const [calls, hires_calls] = runs.map((run) => callsOf(raw, run, indexOf));
  const isUnchanged = sets.length === 1 && JSON.stringify(sets[0]) === JSON.stringify(raw);
  if (isUnchanged) return undefined;
  if (sets.length > MAX_CONDITIONINGS) throw tooMany(sets.length);
  return { sets, calls: calls!, ...(hires_calls && { hires_calls }) };
}

function callsOf(raw: PromptSet, run: PromptRun, indexOf: (set: PromptSet) => number): EditedPrompts['calls'] {
  const schedules = (prompts: readonly string[]): PromptFrom[][] => prompts.map((one) => promptSchedule(one, run));
  const [positive, negative] = [schedules(raw.prompts), schedules(raw.negative_prompts)];
  const firstCalls = [...positive, ...negative].flat().map(({ first_call }) => first_call);
  return [...new Set(firstCalls)]
    .sort((a, b) => a - b)
    .map((first_call) => {
      const textsAt = (all: readonly PromptFrom[][]): string[] =>
        all.map((schedule) => schedule.findLast((one) => one.first_call <= first_call)!.text);
      return { first_call, index: indexOf({ prompts: textsAt(positive), negative_prompts: textsAt(negative) }) };
    });
}

function joined(path: string): MeshError {
  const text = `${path}: AND joins pictures of several prompts, which is not supported. Write "and", or set prompt_syntax to "plain".`;
  return new MeshError('UNSUPPORTED_OPTION', text, { path });
}

function tooMany(count: number): MeshError {
  const message = `becomes ${count} different prompts over the steps, ${MAX_CONDITIONINGS} are allowed: alternate between fewer`;
  return invalidRequest([{ path: 'prompt', message }]);
}
