/** Which fields of a start need which others: what would be ignored is refused. */
import type { GenerateRequest } from '#shared/contracts/generate.ts';
import { firstStep } from '#shared/diffusion/sampler.ts';
import { invalidRequest, type Problem } from './validation.ts';

/** Of the steps, where the request has none: A1111's. */
export const DEFAULT_STRENGTH = 0.75;

type Field = keyof GenerateRequest;

const OF_MASK: readonly Field[] = ['mask_blur', 'inpaint_fill', 'inpaint_full_res', 'keep_unmasked'];

/** A field, and those of which one has to be there as well. */
const NEEDS: readonly (readonly [field: Field, needed: readonly Field[]])[] = [
  ['strength', ['init_image']],
  ['resize_mode', ['init_image']],
  ['mask_image', ['init_image']],
  ['outpaint', ['init_image']],
  ['mask_invert', ['mask_image']],
  ...OF_MASK.map((field) => [field, ['mask_image', 'outpaint']] as const),
  ['inpaint_full_res_padding', ['inpaint_full_res']],
];

/** Fields that cannot be given together, with the reason. */
const APART: readonly (readonly [field: Field, other: Field, reason: string])[] = [
  ['hires', 'init_image', 'a picture to start from is enlarged before: send it larger, with width and height'],
  ['outpaint', 'inpaint_full_res', 'what lies outside of the picture has no surroundings to be cut out with'],
];

/** @throws MeshError INVALID_REQUEST with every field that would have no effect */
export function checkStart(request: GenerateRequest): void {
  const problems = [...missing(request), ...apart(request), ...withoutSteps(request)];
  if (problems.length > 0) throw invalidRequest(problems);
}

function missing(request: GenerateRequest): Problem[] {
  return NEEDS.filter(([field, needed]) => isGiven(request, field) && !needed.some((one) => isGiven(request, one))).map(
    ([field, needed]) => ({ path: field, message: `has no effect without ${needed.join(' or ')}` }),
  );
}

function apart(request: GenerateRequest): Problem[] {
  return APART.filter(([field, other]) => isGiven(request, field) && isGiven(request, other)).map(
    ([field, other, reason]) => ({ path: field, message: `does not go with ${other}: ${reason}` }),
  );
}

/** A run of no steps would give back what it was given. */
function withoutSteps(request: GenerateRequest): Problem[] {
  const { strength, steps } = request;
  if (stepsRun(request) > 0) return [];
  const message = `is too small for ${steps} steps: none would be run. Take ${ceil(1 / steps)} at least`;
  return [{ path: strength === undefined ? 'steps' : 'strength', message }];
}

/** Steps of the first run. */
export function stepsRun({ init_image, strength, steps }: GenerateRequest): number {
  if (init_image === undefined) return steps;
  return steps - firstStep(steps, strength ?? DEFAULT_STRENGTH);
}

/** False is as good as left out. */
function isGiven(request: GenerateRequest, field: Field): boolean {
  return request[field] !== undefined && !(field === 'inpaint_full_res' && request[field] === false);
}

/** Up to three digits, so that it is enough. */
function ceil(value: number): number {
  return Math.ceil(value * 1000) / 1000;
}
