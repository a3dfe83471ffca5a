/** From a zod error to ours: one message that names every field that is wrong, and why. */
import { z } from 'zod';
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';

/** A field that is wrong. */
export interface Problem {
  /** `controlnets.0.image`; empty for the request as a whole. */
  readonly path: string;
  /** What follows the path in a sentence: `must be at least 1`. */
  readonly message: string;
}

/** Problems told in one message: more would bury the first. */
const MAX_TOLD = 5;
/** Problems in `details`: a request of a million wrong fields is one wrong request. */
const MAX_PROBLEMS = 100;
/** Characters of an unknown field's path that are told. */
const MAX_PATH_CHARS = 200;

/** @throws MeshError INVALID_REQUEST with every problem in `details.problems` */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = safeParse(schema, input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, MAX_PROBLEMS).flatMap((issue) => problemsOf(issue, { schema, input }));
  throw invalidRequest(withoutRepeated(problems));
}

/** Zod compares the length of whatever has one, and fails over one that is no number: `{"length": {"toString": 1}}`. */
function safeParse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.ZodSafeParseResult<z.output<Schema>> {
  try {
    return schema.safeParse(input);
  } catch {
    throw invalidRequest([{ path: '', message: 'has an object where a text or a list belongs' }]);
  }
}

/** An error of the door, for rules that no schema can hold. */
export function invalidRequest(problems: readonly Problem[]): MeshError {
  const told = problems.slice(0, MAX_TOLD).map(({ path, message }) => `${path || 'it'} ${message}`);
  const more = problems.length > MAX_TOLD ? `; and ${problems.length - MAX_TOLD} more` : '';
  return new MeshError('INVALID_REQUEST', `The request is not right: ${told.join('; ')}${more}.`, { problems });
}

/** Zod checks a whole number's kind and its limit, and says the same of both. */
function withoutRepeated(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
}

/** What was asked, and of whom. */
interface Asked {
  readonly schema: z.ZodType;
  readonly input: unknown;
}

function problemsOf(issue: z.core.$ZodIssue, asked: Asked): Problem[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, MAX_PROBLEMS).map((key) => unknownField([...issue.path, key], asked));
  }
  if (path !== '' && valueAt(asked.input, issue.path) === undefined) return [{ path, message: 'is missing' }];
  if (issue.code === 'invalid_union') return unionProblems(issue, asked);
  return [{ path, message: reasonOf(issue) }];
}

/** Zod's own words where the contract has none. */
function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${typeName(issue.expected)}`;
  if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid '))
    return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
  const isOwnText = !issue.message.startsWith('Too ');
  if (isOwnText) return issue.message;
  if (issue.code === 'too_small') return `must ${amount(issue.origin, `at least ${issue.minimum}`)}`;
  if (issue.code === 'too_big') return `must ${amount(issue.origin, `at most ${issue.maximum}`)}`;
  return issue.message;
}

/** `be at most 150`, `have at most 8 entries`; nothing is as short as one character but the empty text. */
function amount(origin: string, limit: string): string {
  if (origin === 'string') return limit === 'at least 1' ? 'not be empty' : `have ${limit} characters`;
  if (origin === 'array') return `have ${limit} ${limit.endsWith(' 1') ? 'entry' : 'entries'}`;
  return `be ${limit}`;
}

/** Of a union the branch is told whose type the value has, and of several the one with the least wrong; where none has, the types. */
function unionProblems(issue: z.core.$ZodIssueInvalidUnion, asked: Asked): Problem[] {
  const types = issue.errors.flatMap((branch) => branch.filter((one) => one.path.length === 0).map(expectedType));
  const [fitting] = issue.errors
    .filter((branch) => !branch.some((one) => one.path.length === 0 && expectedType(one)))
    .toSorted((a, b) => a.length - b.length);
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
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  return { path: path.join('.').slice(0, MAX_PATH_CHARS), message: `is not a known field${hint}` };
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
