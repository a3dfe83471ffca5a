/** The sampler of a request at the door, with its schedule and noise: names resolved, defaults filled in, what cannot be refused. */
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

/** @throws MeshError UNKNOWN_SAMPLER; UNSUPPORTED_OPTION and CONFIG_UNSUPPORTED for what the sampler cannot follow */
export function samplingOf(asked: Asked, config: SchedulerConfig): Sampling {
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
