/** The sampler of a request at the door, with its schedule and noise: names resolved, defaults filled in, what cannot be refused. */
import { LRUCache } from 'lru-cache';
import type { GenerateRequest } from '#shared/contracts/generate.ts';
import { agreedSchedule, createSampler } from '#shared/diffusion/create-sampler.ts';
import { resolveSampler, samplerOfConfig } from '#shared/diffusion/sampler-names.ts';
import type { ScheduleName } from '#shared/diffusion/schedule-names.ts';
import type { SchedulerConfig } from '#shared/diffusion/scheduler-config.ts';

/** What a job is sampled by. */
export interface Sampling {
  /** A1111's label. */
  readonly sampler: string;
  readonly schedule: ScheduleName;
  readonly eta: number;
}

type Asked = Pick<GenerateRequest, 'sampler' | 'schedule' | 'eta' | 'steps'>;

/** Samplings that are known to work: people ask for few, and a schedule of a thousand levels takes longer than the rest of a check. */
const MAX_KNOWN = 1000;

/** The samplings of one checkpoint. */
export class Samplings {
  readonly #config: SchedulerConfig;
  readonly #known = new LRUCache<string, Sampling>({ max: MAX_KNOWN });

  constructor(config: SchedulerConfig) {
    this.#config = config;
  }

  /** @throws MeshError UNKNOWN_SAMPLER; UNSUPPORTED_OPTION and CONFIG_UNSUPPORTED for what the sampler cannot follow */
  of({ sampler, schedule, eta, steps }: Asked): Sampling {
    const asked = JSON.stringify([sampler, schedule, eta, steps]);
    const known = this.#known.get(asked);
    if (known) return known;
    const sampling = samplingOf({ sampler, schedule, eta, steps }, this.#config);
    this.#known.set(asked, sampling);
    return sampling;
  }
}

/** @throws MeshError UNKNOWN_SAMPLER; UNSUPPORTED_OPTION and CONFIG_UNSUPPORTED for what the sampler cannot follow */
function samplingOf(asked: Asked, config: SchedulerConfig): Sampling {
  const named = asked.sampler ? resolveSampler(asked.sampler) : samplerOfConfig(config);
  const { label, eta: usual = 0 } = named.sampler;
  const sampling = {
    sampler: label,
    schedule: agreedSchedule(named.schedule, asked.schedule),
    eta: asked.eta ?? usual,
  };
  createSampler(label, { ...sampling, config, steps: asked.steps }); // throws what the sampler cannot follow
  return sampling;
}
