/** An accepted job as the request that would make it again: what its record shows, and what can be sent once more. */
import type { GenerateRequest } from '#shared/contracts/generate.ts';
import { START_FIELDS } from '#shared/contracts/start.ts';
import { storedImage } from '#shared/contracts/stored-image.ts';
import type { AdmittedJob } from './job.ts';
import { startRequestOf } from './start-request.ts';

/** The finished hints and pictures stand in it by their names in the object store: the caller's own bytes are no longer there. */
export function requestOf(
  request: GenerateRequest,
  accepted: Omit<AdmittedJob, 'request'>,
): Readonly<Record<string, unknown>> {
  const { seeds, width, height, sampler, schedule, controlnets, start, hires, variation } = accepted;
  return {
    ...Object.fromEntries(
      Object.entries(request).filter(([name]) => name !== 'job' && !Object.hasOwn(START_FIELDS, name)),
    ),
    ...{ width, height, sampler, schedule },
    seed: isCountedUp(seeds) ? seeds[0] : seeds,
    batch: seeds.length,
    ...startRequestOf({ start, hires, variation }),
    controlnets: controlnets.map(({ hint, hires_hint: _, ...unit }) => ({
      ...unit,
      image: storedImage(hint),
      preprocessor: 'none',
      resize_mode: 'stretch',
    })),
  };
}

function isCountedUp(seeds: readonly number[]): boolean {
  return seeds.every((seed, i) => seed === seeds[0]! + i);
}
