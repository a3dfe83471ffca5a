/**
 * Every sampler by name. The label is the one of AUTOMATIC1111's web UI, because it is what goes into a PNG's parameters
 * and what other tools look for there; Diffusers class names and the k_… names are understood too. A schedule behind the
 * name, as in `DPM++ 2M Karras`, is understood with every sampler that has schedules.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';
import { deis } from './deis.ts';
import { dpmFast } from './dpm-fast.ts';
import { dpmpp2m, dpmpp2mSde, dpmpp2mSdeHeun } from './dpmpp-2m.ts';
import { dpmpp3mSde } from './dpmpp-3m-sde.ts';
import { euler } from './euler.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { heun } from './heun.ts';
import { ipndm } from './ipndm.ts';
import { lcm } from './lcm.ts';
import { lms } from './lms.ts';
import { dpm2, dpm2Ancestral, dpmpp2sAncestral, dpmppSde } from './midpoint.ts';
import { pndm } from './pndm.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { plainName, SCHEDULE_LABELS, SCHEDULE_SPELLINGS, type ScheduleName } from './schedule-names.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { tcd } from './tcd.ts';
import { unipc } from './unipc.ts';

/** One line of the registry. */
export interface SamplerEntry {
  /** The canonical name: `DPM++ 2M`. */
  readonly label: string;
  /** Other names; case, spaces, dashes and underscores do not matter. */
  readonly aliases: readonly string[];
  /** Class that it follows in every number; without one it follows k-diffusion's function. */
  readonly diffusersClass?: string;
  readonly create: SamplerFactory;
  /** Left out where it works in training steps and takes the checkpoint's spacing alone, or in levels of its own. */
  readonly hasSchedules?: true;
  /** Share of fresh noise unless the request says another, where that means something to it. */
  readonly eta?: number;
  /** What the web UI's `Automatic` is for it; left out: `uniform`, or its own spacing where it has no schedules. */
  readonly webUiSchedule?: ScheduleName;
}

/** Every sampler, the order in which they are listed to people. */
export const SAMPLERS: readonly SamplerEntry[] = [
  {
    label: 'DPM++ 2M',
    aliases: ['dpmpp_2m', 'k_dpmpp_2m'],
    diffusersClass: 'DPMSolverMultistepScheduler',
    create: dpmpp2m,
    hasSchedules: true,
    webUiSchedule: 'karras',
  },
  {
    label: 'DPM++ SDE',
    aliases: ['dpmpp_sde', 'k_dpmpp_sde'],
    diffusersClass: 'DPMSolverSDEScheduler',
    create: dpmppSde,
    hasSchedules: true,
    eta: 1,
    webUiSchedule: 'karras',
  },
  {
    label: 'DPM++ 2M SDE',
    aliases: ['dpmpp_2m_sde', 'k_dpmpp_2m_sde'],
    diffusersClass: 'DPMSolverMultistepScheduler',
    create: dpmpp2mSde,
    hasSchedules: true,
    webUiSchedule: 'exponential',
  },
  {
    label: 'DPM++ 2M SDE Heun',
    aliases: ['dpmpp_2m_sde_heun', 'k_dpmpp_2m_sde_heun'],
    diffusersClass: 'DPMSolverMultistepScheduler',
    create: dpmpp2mSdeHeun,
    hasSchedules: true,
    webUiSchedule: 'exponential',
  },
  {
    label: 'DPM++ 2S a',
    aliases: ['dpmpp_2s_a', 'k_dpmpp_2s_a', 'dpmpp_2s_ancestral', 'k_dpmpp_2s_ancestral', 'dpmpp_2s'],
    create: dpmpp2sAncestral,
    hasSchedules: true,
    eta: 1,
    webUiSchedule: 'karras',
  },
  {
    label: 'DPM++ 3M SDE',
    aliases: ['dpmpp_3m_sde', 'k_dpmpp_3m_sde'],
    create: dpmpp3mSde,
    hasSchedules: true,
    webUiSchedule: 'exponential',
  },
  {
    label: 'Euler a',
    aliases: ['euler_a', 'k_euler_a', 'euler_ancestral', 'k_euler_ancestral'],
    diffusersClass: 'EulerAncestralDiscreteScheduler',
    create: eulerAncestral,
    hasSchedules: true,
    eta: 1,
  },
  {
    label: 'Euler',
    aliases: ['k_euler'],
    diffusersClass: 'EulerDiscreteScheduler',
    create: euler,
    hasSchedules: true,
  },
  { label: 'LMS', aliases: ['k_lms'], diffusersClass: 'LMSDiscreteScheduler', create: lms, hasSchedules: true },
  { label: 'Heun', aliases: ['k_heun'], diffusersClass: 'HeunDiscreteScheduler', create: heun, hasSchedules: true },
  {
    label: 'DPM2',
    aliases: ['k_dpm_2', 'dpm_2', 'kdpm_2'],
    diffusersClass: 'KDPM2DiscreteScheduler',
    create: dpm2,
    hasSchedules: true,
    webUiSchedule: 'karras',
  },
  {
    label: 'DPM2 a',
    aliases: ['k_dpm_2_a', 'dpm_2_a', 'kdpm_2_a', 'k_dpm_2_ancestral', 'dpm_2_ancestral'],
    diffusersClass: 'KDPM2AncestralDiscreteScheduler',
    create: dpm2Ancestral,
    hasSchedules: true,
    eta: 1,
    webUiSchedule: 'karras',
  },
  { label: 'DDIM', aliases: [], diffusersClass: 'DDIMScheduler', create: ddim, eta: 0 },
  { label: 'PLMS', aliases: ['pndm'], diffusersClass: 'PNDMScheduler', create: pndm },
  {
    label: 'UniPC',
    aliases: ['uni_pc'],
    diffusersClass: 'UniPCMultistepScheduler',
    create: unipc,
    hasSchedules: true,
    webUiSchedule: 'automatic',
  },
  { label: 'DEIS', aliases: [], diffusersClass: 'DEISMultistepScheduler', create: deis, hasSchedules: true },
  { label: 'IPNDM', aliases: ['k_ipndm'], create: ipndm, hasSchedules: true },
  { label: 'DPM fast', aliases: ['k_dpm_fast', 'dpm_fast'], create: dpmFast },
  { label: 'LCM', aliases: [], diffusersClass: 'LCMScheduler', create: lcm },
  { label: 'TCD', aliases: [], diffusersClass: 'TCDScheduler', create: tcd, eta: 0.3 },
  { label: 'DDPM', aliases: [], diffusersClass: 'DDPMScheduler', create: ddpm },
];

/** A sampler, and the schedule where the name had one. */
export interface NamedSampler {
  readonly sampler: SamplerEntry;
  readonly schedule: ScheduleName | undefined;
}

const BY_NAME: ReadonlyMap<string, SamplerEntry> = new Map(
  // First wins: a class name means the plain method.
  SAMPLERS.flatMap((sampler) =>
    [sampler.label, ...sampler.aliases, ...(sampler.diffusersClass ? [sampler.diffusersClass] : [])].map(
      (name) => [plainName(name), sampler] as const,
    ),
  ).reverse(),
);

/**
 * Finds a sampler by label or alias, with or without a schedule behind it.
 * @throws MeshError UNKNOWN_SAMPLER with the nearest names; UNSUPPORTED_OPTION when it has no such schedule.
 */
export function resolveSampler(name: string): NamedSampler {
  const plain = plainName(name);
  const exact = BY_NAME.get(plain);
  if (exact) return { sampler: exact, schedule: undefined };
  for (const [spelling, schedule] of SCHEDULE_SPELLINGS) {
    const sampler = plain.endsWith(spelling) && BY_NAME.get(plain.slice(0, -spelling.length));
    if (sampler) return { sampler, schedule: scheduleOf(sampler, schedule) };
  }
  const labels = SAMPLERS.map((sampler) => sampler.label);
  const onKarras = SAMPLERS.filter((sampler) => sampler.hasSchedules).map(({ label }) => `${label} Karras`);
  const nearest = nearestNames(name, [...labels, ...onKarras]);
  const hint = nearest.length > 0 ? `Did you mean ${nearest.join(', ')}?` : `There are ${labels.join(', ')}.`;
  throw new MeshError('UNKNOWN_SAMPLER', `There is no sampler "${name}". ${hint}`, {
    sampler: name,
    nearest,
    known: labels,
  });
}

/** The schedule, if the sampler can follow it. @throws MeshError UNSUPPORTED_OPTION naming the samplers that can */
export function scheduleOf(sampler: SamplerEntry, schedule: ScheduleName): ScheduleName {
  if (sampler.hasSchedules || schedule === 'automatic') return schedule;
  const having = SAMPLERS.filter((other) => other.hasSchedules).map((other) => other.label);
  const message = `${sampler.label} has a spacing of its own and no ${SCHEDULE_LABELS[schedule]} schedule; ${having.join(', ')} have one.`;
  throw new MeshError('UNSUPPORTED_OPTION', message, { path: 'schedule', sampler: sampler.label, having });
}

/** What the web UI's `Automatic` means for a sampler. */
export function webUiSchedule({ hasSchedules, webUiSchedule: own }: SamplerEntry): ScheduleName {
  return own ?? (hasSchedules ? 'uniform' : 'automatic');
}

/** The flags of scheduler_config.json that name a schedule. */
const SCHEDULE_FLAGS: Readonly<Record<string, ScheduleName>> = {
  use_karras_sigmas: 'karras',
  use_exponential_sigmas: 'exponential',
  use_beta_sigmas: 'beta',
};

/**
 * The sampler that a checkpoint's own scheduler_config.json names, for requests that name none.
 * @throws MeshError CONFIG_UNSUPPORTED when it is none of ours.
 */
export function samplerOfConfig(config: SchedulerConfig): NamedSampler {
  const className = config._class_name;
  const isStochastic = String(config.algorithm_type ?? '').startsWith('sde');
  const candidates = SAMPLERS.filter((sampler) => className !== undefined && sampler.diffusersClass === className);
  const sde = config.solver_type === 'heun' ? dpmpp2mSdeHeun : dpmpp2mSde;
  const sampler = candidates.find(({ create }) => !isStochastic || create === sde) ?? candidates[0];
  if (!sampler) {
    const message = `scheduler_config.json: _class_name ${JSON.stringify(className)} is not implemented; name a sampler in the request.`;
    throw new MeshError('CONFIG_UNSUPPORTED', message, { setting: '_class_name', value: className });
  }
  const [, schedule] = Object.entries(SCHEDULE_FLAGS).find(([flag]) => config[flag] === true) ?? [];
  return { sampler, schedule: schedule && scheduleOf(sampler, schedule) };
}
