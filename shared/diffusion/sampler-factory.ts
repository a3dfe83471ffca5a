/** What every sampler file exports: a function of this type. Apart from sampler.ts, so that callers of samplers need not see it. */
import type { Sampler } from './sampler.ts';
import type { ScheduleName } from './schedule-names.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

/** What a sampler is built from. */
export interface SamplerPlan {
  readonly config: SchedulerConfig;
  /** Nominal steps of the whole schedule, also where image to image does only the last of them. */
  readonly steps: number;
  /** How noise levels are spread, for the samplers that work in them. */
  readonly schedule: ScheduleName;
  /** Whether the network is one of SDXL: a schedule was made for it apart. */
  readonly isSdxl: boolean;
  /** Share of fresh noise, 0…1, for the samplers that take it. */
  readonly eta: number;
}

/** @throws MeshError UNSUPPORTED_OPTION, CONFIG_INVALID or CONFIG_UNSUPPORTED when the plan cannot be followed. */
export type SamplerFactory = (plan: SamplerPlan) => Sampler;
