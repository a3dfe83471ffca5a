/** From a sampler's name and a checkpoint's scheduler config to a sampler for one job. */
import { MeshError } from '#shared/errors/errors.ts';
import { checked, type Sampler } from './sampler.ts';
import { resolveSampler, type SamplerEntry, scheduleOf } from './sampler-names.ts';
import { resolveSchedule, SCHEDULE_LABELS, type ScheduleName } from './schedule-names.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

/** What shapes a run besides the sampler's name. */
export interface SamplerOptions {
  /** The checkpoint's scheduler_config.json; silent settings take the defaults of the sampler's Diffusers class. */
  readonly config: SchedulerConfig;
  /** Nominal steps of the whole schedule. */
  readonly steps: number;
  /** Share of fresh noise, 0…1; left out: the sampler's own, 1 for ancestral ones. */
  readonly eta?: number;
  /** How noise levels are spread; left out: as the name says, or `automatic`. Flags of the config count for `samplerOfConfig` alone. */
  readonly schedule?: string;
  /** Whether the network is one of SDXL. Default false. */
  readonly isSdxl?: boolean;
}

/**
 * Builds a sampler for one job. It holds the history of multistep methods, so a second job needs its own.
 * @throws MeshError UNKNOWN_SAMPLER; UNSUPPORTED_OPTION for steps, eta or a schedule that it cannot follow; CONFIG_INVALID and
 *   CONFIG_UNSUPPORTED for the scheduler config.
 */
export function createSampler(name: string, options: SamplerOptions): Sampler {
  const { config, steps, isSdxl = false } = options;
  const named = resolveSampler(name);
  const schedule = agreedSchedule(named.schedule, options.schedule);
  const eta = options.eta ?? named.sampler.eta ?? 0;
  requireEta(named.sampler, eta);
  const plan = { config, steps, eta, isSdxl, schedule: scheduleOf(named.sampler, schedule) };
  return checked(named.sampler.create(plan));
}

/** The schedule of a name and that of its own field. @throws MeshError UNSUPPORTED_OPTION when they are two */
export function agreedSchedule(named: ScheduleName | undefined, schedule: string | undefined): ScheduleName {
  const asked = schedule === undefined ? undefined : resolveSchedule(schedule);
  if (named === undefined || asked === undefined || named === asked) return named ?? asked ?? 'automatic';
  if (asked === 'automatic') return named;
  const message = `The sampler's name says ${SCHEDULE_LABELS[named]}, schedule says ${SCHEDULE_LABELS[asked]}: leave one out.`;
  throw new MeshError('UNSUPPORTED_OPTION', message, { path: 'schedule', schedule: asked });
}

function requireEta(sampler: SamplerEntry, eta: number): void {
  if (!(eta >= 0 && eta <= 1)) {
    throw new MeshError('UNSUPPORTED_OPTION', `eta is ${eta}; it must be between 0 and 1.`, { path: 'eta', eta });
  }
  if (eta > 0 && sampler.eta === undefined) {
    throw new MeshError('UNSUPPORTED_OPTION', `eta has no meaning for ${sampler.label}; leave it out, or use DDIM.`, {
      path: 'eta',
      eta,
      sampler: sampler.label,
    });
  }
}
