/**
 * The noise schedules by name: how the levels that a run visits are spread. The labels are those of AUTOMATIC1111's web UI,
 * which go into a PNG's `Schedule type`. What each one computes is in schedule-sigmas.ts.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';

/** Every name as it goes over the wire; `automatic` is what the checkpoint's scheduler_config.json says. */
export const SCHEDULE_NAMES = [
  'automatic',
  'uniform',
  'karras',
  'exponential',
  'polyexponential',
  'sgm_uniform',
  'kl_optimal',
  'align_your_steps',
  'simple',
  'normal',
  'ddim',
  'beta',
] as const;

/** A name of {@link SCHEDULE_NAMES}. */
export type ScheduleName = (typeof SCHEDULE_NAMES)[number];

/** The label that people see. */
export const SCHEDULE_LABELS: Readonly<Record<ScheduleName, string>> = {
  automatic: 'Automatic',
  uniform: 'Uniform',
  karras: 'Karras',
  exponential: 'Exponential',
  polyexponential: 'Polyexponential',
  sgm_uniform: 'SGM Uniform',
  kl_optimal: 'KL Optimal',
  align_your_steps: 'Align Your Steps',
  simple: 'Simple',
  normal: 'Normal',
  ddim: 'DDIM',
  beta: 'Beta',
};

/** What else people write. */
const ALIASES: Readonly<Partial<Record<ScheduleName, readonly string[]>>> = {
  // `…_ka` is the web UI's suffix, `…_k` that of InvokeAI.
  karras: ['ka', 'k'],
  exponential: ['exp', 'e'],
  align_your_steps: ['ays'],
  sgm_uniform: ['sgm'],
  ddim: ['ddim_uniform'],
};

/** Every way to write a schedule's name, plainly, with the name. */
export const SCHEDULE_SPELLINGS: ReadonlyMap<string, ScheduleName> = new Map(
  SCHEDULE_NAMES.flatMap((name) =>
    [name, ...(ALIASES[name] ?? [])].map((spelling) => [plainName(spelling), name] as const),
  ),
);

/** `DPM++ 2M Karras` and `k-dpmpp_2m` without what people write differently. */
export function plainName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('++', 'pp')
    .replaceAll(/[\s_.-]+/g, '');
}

/**
 * Finds a schedule by label or alias; case, spaces, dashes and underscores do not matter.
 * @throws MeshError UNSUPPORTED_OPTION with the nearest names.
 */
export function resolveSchedule(name: string): ScheduleName {
  const found = SCHEDULE_SPELLINGS.get(plainName(name));
  if (found) return found;
  const nearest = nearestNames(name, SCHEDULE_NAMES);
  const hint = nearest.length > 0 ? `Did you mean ${nearest.join(', ')}?` : `There are ${SCHEDULE_NAMES.join(', ')}.`;
  throw new MeshError('UNSUPPORTED_OPTION', `There is no schedule "${name}". ${hint}`, {
    path: 'schedule',
    schedule: name,
    nearest,
    known: SCHEDULE_NAMES,
  });
}
