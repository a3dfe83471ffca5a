/**
 * What a prompt becomes over the calls of the model, in A1111's counting: steps of samplers with two calls count twice, and a
 * change at K comes after call K, counted from 0.
 */
import { type PromptNode, parsePrompt } from './prompt-grammar.ts';

/** Where a run's steps lie. */
export interface PromptRun {
  /** Nominal steps, in calls of the model. */
  readonly steps: number;
  /** Steps of the runs before it, which whole numbers are counted from; a fraction beyond 1 then means this run. */
  readonly stepsBefore?: number;
}

/** A prompt from one call on. */
export interface PromptFrom {
  readonly first_call: number;
  readonly text: string;
}

/** At least one, the first from call 0 on; no two that follow each other are alike. */
export function promptSchedule(prompt: string, run: PromptRun): PromptFrom[] {
  const tree = parsePrompt(prompt);
  if (!tree || tree.every((node) => typeof node === 'string')) return [{ first_call: 0, text: prompt }];
  const ends = [...new Set([...changesOf(tree, run), run.steps])].sort((a, b) => a - b);
  const all = ends.map((end, i) => ({ first_call: i === 0 ? 0 : ends[i - 1]! + 1, text: textAt(tree, end, run) }));
  return all.filter(({ text }, i) => i === 0 || text !== all[i - 1]!.text);
}

/** The last steps, from 1, of every stretch in which the text stays the same. */
function changesOf(nodes: readonly PromptNode[], run: PromptRun): number[] {
  return nodes.flatMap((node) => {
    if (typeof node === 'string') return [];
    if ('options' in node) {
      const everyStep = Array.from({ length: run.steps }, (_, i) => i + 1);
      return [...everyStep, ...node.options.flatMap((option) => changesOf(option, run))];
    }
    const change = stepOf(node.when, run);
    return [...(change >= 1 ? [change] : []), ...changesOf(node.before, run), ...changesOf(node.after, run)];
  });
}

function textAt(nodes: readonly PromptNode[], step: number, run: PromptRun): string {
  return nodes
    .map((node) => {
      if (typeof node === 'string') return node;
      if ('options' in node) return textAt(node.options[(step - 1) % node.options.length]!, step, run);
      return textAt(step <= stepOf(node.when, run) ? node.before : node.after, step, run);
    })
    .join('');
}

function stepOf(when: string, { steps, stepsBefore }: PromptRun): number {
  const isFraction = when.includes('.');
  const value = isFraction
    ? (Number(when) - (stepsBefore === undefined ? 0 : 1)) * steps
    : Number(when) - (stepsBefore ?? 0);
  return Math.min(steps, Math.trunc(value));
}
