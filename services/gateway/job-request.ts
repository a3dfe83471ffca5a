/** An accepted job as the request that would make it again: what its record shows, and what can be sent once more. */
import type { AdmittedJob } from './job.ts';
import { startRequestOf } from './start-request.ts';

/** The finished hints stand in it by their names in the object store: the caller's own bytes are no longer there. */
export function requestOf(accepted: AdmittedJob): Readonly<Record<string, unknown>> {
  const { prompts, negative_prompts, seeds, controlnets, loras, start, hires, variation, ...rest } = accepted;
  const { job, warnings, trace, accepted_unix_ms, deadline_unix_ms, ...fields } = rest;
  return {
    prompt: oneOrAll(prompts),
    negative_prompt: oneOrAll(negative_prompts),
    ...fields,
    seed: isCountedUp(seeds) ? seeds[0] : seeds,
    batch: seeds.length,
    ...startRequestOf({ start, hires, variation }),
    controlnets: controlnets.map(({ hint, hires_hint, ...unit }) => ({
      ...unit,
      image: `object:${hint}`,
      preprocessor: 'none',
      resize_mode: 'stretch',
    })),
    loras: loras.map(({ hash, ...unit }) => unit),
    deadline_ms: deadline_unix_ms - accepted_unix_ms,
  };
}

function oneOrAll(texts: readonly string[]): string | readonly string[] {
  return texts.every((text) => text === texts[0]) ? texts[0]! : texts;
}

function isCountedUp(seeds: readonly number[]): boolean {
  return seeds.every((seed, i) => seed === seeds[0]! + i);
}
