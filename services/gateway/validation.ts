/** From a zod error to ours: one message that names every field that is wrong, and why. */
import type { z } from 'zod';
import { MeshError } from '#shared/errors/errors.ts';

/** A field that is wrong. */
export interface Problem {
  /** `controlnets.0.image` */
  readonly path: string;
  readonly message: string;
}

/** Problems told in one message: more would bury the first. */
const MAX_TOLD = 5;

/** @throws MeshError INVALID_REQUEST with every problem in `details.problems` */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw invalidRequest(parsed.error.issues.flatMap(problemsOf));
}

/** An error of the door, for rules that no schema can hold. */
export function invalidRequest(problems: readonly Problem[]): MeshError {
  const told = problems.slice(0, MAX_TOLD).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  const more = problems.length > MAX_TOLD ? ` And ${problems.length - MAX_TOLD} more.` : '';
  return new MeshError('INVALID_REQUEST', `The request is not right. ${told.join('; ')}.${more}`, { problems });
}

/** Of a union the branch that came furthest is told: "must be a string or an array" helps nobody. */
function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: 'is not a known field' }));
  }
  if (issue.code === 'invalid_union') {
    const branches = issue.errors.filter(
      (branch) => !branch.some((one) => one.code === 'invalid_type' && one.path.length === 0),
    );
    const [first] = branches;
    if (first) return first.flatMap((one) => problemsOf({ ...one, path: [...issue.path, ...one.path] }));
  }
  return [{ path, message: issue.message }];
}
