/** From a sampler's name and a checkpoint's scheduler config to a sampler for one job. */
import { MeshError } from '#shared/errors/errors.ts';
import { checked, type Sampler } from './sampler.ts';
import { resolveSampler, type SamplerEntry, withKarras } from './sampler-names.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

/** What shapes a run besides the sampler's name. */
export interface SamplerOptions {
  /** The checkpoint's scheduler_config.json; silent settings take the defaults of the sampler's Diffusers class. */
  readonly schedule: SchedulerConfig;
  /** Nominal steps of the whole schedule. */
  readonly steps: number;
  /** Share of fresh noise in DDIM, 0…1. */
  readonly eta?: number;
  /** Overrides the schedule in the name; `use_karras_sigmas` of the config counts only for {@link samplerOfConfig}. */
  readonly karras?: boolean;
}

/**
 * Builds a sampler for one job. It holds the history of multistep methods, so a second job needs its own.
 * @throws MeshError UNKNOWN_SAMPLER; UNSUPPORTED_OPTION for steps, eta or karras that it cannot follow; CONFIG_INVALID and
 *   CONFIG_UNSUPPORTED for the scheduler config.
 */
export function createSampler(name: string, { schedule, steps, eta = 0, karras }: SamplerOptions): Sampler {
  const named = resolveSampler(name);
  const entry = karras === undefined ? named : withKarras(named, karras);
  requireEta(entry, eta);
  return checked(entry.create({ config: schedule, steps, isKarras: entry.isKarras, eta }));
}

function requireEta(entry: SamplerEntry, eta: number): void {
  if (!(eta >= 0 && eta <= 1)) {
    throw new MeshError('UNSUPPORTED_OPTION', `eta is ${eta}; it must be between 0 and 1.`, { path: 'eta', eta });
  }
  if (eta > 0 && !entry.hasEta) {
    throw new MeshError('UNSUPPORTED_OPTION', `eta has no meaning for ${entry.label}; leave it out, or use DDIM.`, {
      path: 'eta',
      eta,
      sampler: entry.label,
    });
  }
}
