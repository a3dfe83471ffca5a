/** From a zod error to ours: one message that names every field that is wrong, and why. */
import { z } from 'zod';
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';

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
  throw invalidRequest(parsed.error.issues.flatMap((issue) => problemsOf(issue, { schema, input })));
}

/** An error of the door, for rules that no schema can hold. */
export function invalidRequest(problems: readonly Problem[]): MeshError {
  const told = problems.slice(0, MAX_TOLD).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  const more = problems.length > MAX_TOLD ? ` And ${problems.length - MAX_TOLD} more.` : '';
  return new MeshError('INVALID_REQUEST', `The request is not right. ${told.join('; ')}.${more}`, { problems });
}

/** What was asked, and of whom. */
interface Asked {
  readonly schema: z.ZodType;
  readonly input: unknown;
}

function problemsOf(issue: z.core.$ZodIssue, asked: Asked): Problem[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField([...issue.path, key], asked));
  if (path !== '' && valueAt(asked.input, issue.path) === undefined) return [{ path, message: 'is missing' }];
  if (issue.code === 'invalid_union') return unionProblems(issue, asked);
  return [{ path, message: reasonOf(issue) }];
}

/** Zod's own words where the contract has none. */
function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${typeName(issue.expected)}`;
  if (issue.code === 'invalid_value')
    return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
  const isOwnText = !issue.message.startsWith('Too ');
  if (isOwnText) return issue.message;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}${unitOf(issue.origin)}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}${unitOf(issue.origin)}`;
  return issue.message;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' entries long' : '';
}

/** Of a union the branch is told whose type the value has; where none has, the types. */
function unionProblems(issue: z.core.$ZodIssueInvalidUnion, asked: Asked): Problem[] {
  const types = issue.errors.flatMap((branch) => branch.filter((one) => one.path.length === 0).map(expectedType));
  const fitting = issue.errors.find((branch) => !branch.some((one) => one.path.length === 0 && expectedType(one)));
  if (!fitting) return [{ path: issue.path.join('.'), message: `must be ${types.filter(Boolean).join(' or ')}` }];
  return fitting.flatMap((one) => problemsOf({ ...one, path: [...issue.path, ...one.path] }, asked));
}

function expectedType(issue: z.core.$ZodIssue): string | undefined {
  return issue.code === 'invalid_type' ? typeName(issue.expected) : undefined;
}

/** As people of JSON call it. */
function typeName(expected: string): string {
  const names: Record<string, string> = { array: 'a list', object: 'an object', int: 'a whole number' };
  return names[expected] ?? `a ${expected}`;
}

function unknownField(path: readonly PropertyKey[], { schema }: Asked): Problem {
  const [near] = nearestNames(String(path.at(-1)), fieldsAt(schema, path.slice(0, -1)));
  const hint = near === undefined ? '' : `, did you mean ${near}?`;
  return { path: path.join('.'), message: `is not a known field${hint}` };
}

/** Names of the fields of the object at a path. */
function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const inner = unwrapped(schema);
  const [step, ...rest] = path;
  if (inner instanceof z.ZodArray) return fieldsAt(inner.element as z.ZodType, rest);
  if (!(inner instanceof z.ZodObject)) return [];
  return step === undefined ? Object.keys(inner.shape) : fieldsAt(inner.shape[String(step)], rest);
}

/** Without what only says that a value may be left out. */
function unwrapped(schema: z.ZodType): z.ZodType {
  const isWrapped =
    schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault;
  return isWrapped ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
}
