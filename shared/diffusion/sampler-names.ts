/**
 * Every sampler by name. The label is the one of AUTOMATIC1111's web UI, because it is what goes into a PNG's parameters
 * and what other tools look for there; Diffusers class names and the k_… names are understood too.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';
import { dpmpp2m, dpmpp2mSde } from './dpmpp-2m.ts';
import { euler } from './euler.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { heun } from './heun.ts';
import { lcm } from './lcm.ts';
import { lms } from './lms.ts';
import { pndm } from './pndm.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { unipc } from './unipc.ts';

/** One line of the registry. */
export interface SamplerEntry {
  /** The canonical name, with its schedule: `DPM++ 2M Karras`. */
  readonly label: string;
  /** The label without its schedule: variants of one method share it. */
  readonly method: string;
  readonly isKarras: boolean;
  /** Whether `eta` means something to it. */
  readonly hasEta: boolean;
  /** Class that it follows in every number. */
  readonly diffusersClass: string;
  /** Other names; case, spaces, dashes and underscores do not matter. */
  readonly aliases: readonly string[];
  readonly create: SamplerFactory;
}

interface Method {
  readonly label: string;
  readonly diffusersClass: string;
  readonly aliases: readonly string[];
  readonly create: SamplerFactory;
  readonly hasKarras?: true;
  readonly hasEta?: true;
}

const METHODS: readonly Method[] = [
  {
    label: 'DPM++ 2M',
    diffusersClass: 'DPMSolverMultistepScheduler',
    aliases: ['dpmpp_2m', 'k_dpmpp_2m'],
    create: dpmpp2m,
    hasKarras: true,
  },
  {
    label: 'DPM++ 2M SDE',
    diffusersClass: 'DPMSolverMultistepScheduler',
    aliases: ['dpmpp_2m_sde', 'k_dpmpp_2m_sde'],
    create: dpmpp2mSde,
    hasKarras: true,
  },
  {
    label: 'Euler a',
    diffusersClass: 'EulerAncestralDiscreteScheduler',
    aliases: ['euler_a', 'k_euler_a', 'euler_ancestral', 'k_euler_ancestral'],
    create: eulerAncestral,
  },
  { label: 'Euler', diffusersClass: 'EulerDiscreteScheduler', aliases: ['k_euler'], create: euler, hasKarras: true },
  { label: 'Heun', diffusersClass: 'HeunDiscreteScheduler', aliases: ['k_heun'], create: heun, hasKarras: true },
  { label: 'LMS', diffusersClass: 'LMSDiscreteScheduler', aliases: ['k_lms'], create: lms, hasKarras: true },
  { label: 'DDIM', diffusersClass: 'DDIMScheduler', aliases: [], create: ddim, hasEta: true },
  { label: 'PLMS', diffusersClass: 'PNDMScheduler', aliases: ['pndm'], create: pndm },
  { label: 'UniPC', diffusersClass: 'UniPCMultistepScheduler', aliases: ['uni_pc'], create: unipc, hasKarras: true },
  { label: 'LCM', diffusersClass: 'LCMScheduler', aliases: [], create: lcm },
  { label: 'DDPM', diffusersClass: 'DDPMScheduler', aliases: [], create: ddpm },
];

/** Every sampler, the order in which they are listed to people. */
export const SAMPLERS: readonly SamplerEntry[] = METHODS.flatMap((method) =>
  method.hasKarras ? [entry(method, false), entry(method, true)] : [entry(method, false)],
);

function entry(method: Method, isKarras: boolean): SamplerEntry {
  const { label, aliases, diffusersClass, create, hasEta = false } = method;
  const shared = { method: label, isKarras, hasEta, diffusersClass, create };
  if (!isKarras) return { ...shared, label, aliases };
  // `…_ka` is the web UI's suffix, `…_k` that of InvokeAI.
  const names = [label, ...aliases].flatMap((name) => [`${name}_karras`, `${name}_ka`, `${name}_k`]);
  return { ...shared, label: `${label} Karras`, aliases: names };
}

const BY_NAME: ReadonlyMap<string, SamplerEntry> = new Map(
  // First wins: a class name means the plain method.
  SAMPLERS.flatMap((sampler) =>
    [sampler.label, ...sampler.aliases, ...(sampler.isKarras ? [] : [sampler.diffusersClass])].map(
      (name) => [plainName(name), sampler] as const,
    ),
  ).reverse(),
);

/** `DPM++ 2M Karras` and `k-dpmpp_2m` without what people write differently. */
function plainName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('++', 'pp')
    .replaceAll(/[\s_.-]+/g, '');
}

/**
 * Finds a sampler by label or alias.
 * @throws MeshError UNKNOWN_SAMPLER with the nearest names.
 */
export function resolveSampler(name: string): SamplerEntry {
  const found = BY_NAME.get(plainName(name));
  if (found) return found;
  const labels = SAMPLERS.map((sampler) => sampler.label);
  const nearest = nearestNames(name, labels);
  const hint = nearest.length > 0 ? `Did you mean ${nearest.join(', ')}?` : `There are ${labels.join(', ')}.`;
  throw new MeshError('UNKNOWN_SAMPLER', `There is no sampler "${name}". ${hint}`, {
    sampler: name,
    nearest,
    known: labels,
  });
}

/**
 * The same method with or without Karras' spacing.
 * @throws MeshError UNSUPPORTED_OPTION when there is no such variant.
 */
export function withKarras(sampler: SamplerEntry, isKarras: boolean): SamplerEntry {
  const variant = SAMPLERS.find((other) => other.method === sampler.method && other.isKarras === isKarras);
  if (variant) return variant;
  const having = SAMPLERS.filter((other) => other.isKarras).map((other) => other.method);
  const message = `${sampler.method} has no Karras schedule; ${having.join(', ')} have one.`;
  throw new MeshError('UNSUPPORTED_OPTION', message, { sampler: sampler.label, having });
}

/**
 * The sampler that a checkpoint's own scheduler_config.json names, for requests that name none.
 * @throws MeshError CONFIG_UNSUPPORTED when it is none of ours.
 */
export function samplerOfConfig(config: SchedulerConfig): SamplerEntry {
  const className = config._class_name;
  const isStochastic = String(config.algorithm_type ?? '').startsWith('sde');
  const candidates = SAMPLERS.filter((sampler) => sampler.diffusersClass === className);
  const plain = candidates.find((sampler) => !isStochastic || sampler.create === dpmpp2mSde) ?? candidates[0];
  if (!plain) {
    const message = `scheduler_config.json: _class_name ${JSON.stringify(className)} is not implemented; name a sampler in the request.`;
    throw new MeshError('CONFIG_UNSUPPORTED', message, { setting: '_class_name', value: className });
  }
  return config.use_karras_sigmas === true ? withKarras(plain, true) : plain;
}
