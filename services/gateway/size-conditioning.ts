/** What SDXL is told of sizes, out of a job's fields: `time_ids` as Diffusers orders them. */
import { type Pipeline, sizeCount } from '#shared/checkpoint/pipeline.ts';
import { SIZE_CONDITIONING } from '#shared/contracts/size-conditioning.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { AdmittedJob } from './job.ts';

/** Names of the fields. */
const FIELDS = Object.keys(SIZE_CONDITIONING) as (keyof typeof SIZE_CONDITIONING)[];

/** The job's own of those fields. */
export type SizeFields = Pick<AdmittedJob, (typeof FIELDS)[number]>;

/** Diffusers' defaults. */
const AESTHETIC_SCORE = 6;
const NEGATIVE_AESTHETIC_SCORE = 2.5;

/**
 * Picks the fields of a request.
 * @throws MeshError UNSUPPORTED_OPTION naming one that this model has no use for
 */
export function sizeFields(request: SizeFields & { readonly refiner?: unknown }, pipeline: Pipeline): SizeFields {
  const given = FIELDS.filter((field) => request[field] !== undefined);
  const count = sizeCount(pipeline);
  const unused = given.find((field) => !isTold(field, count, request.refiner !== undefined));
  if (unused === undefined) return Object.fromEntries(given.map((field) => [field, request[field]]));
  const kind =
    count === undefined
      ? 'is told of no sizes, only SDXL is'
      : `is told of ${count === 5 ? 'an aesthetic score, not of a target size' : 'sizes, an aesthetic score is of the refiner'}`;
  throw new MeshError('UNSUPPORTED_OPTION', `${unused}: this model ${kind}; leave it out.`, { path: unused });
}

/** Scores are the refiner's, the model itself or beside it; it has them in the place of a target size. */
function isTold(field: string, count: 5 | 6 | undefined, hasRefiner: boolean): boolean {
  if (count === undefined) return false;
  if (field.includes('aesthetic')) return count === 5 || hasRefiner;
  return count === 6 || !field.includes('target');
}

/** What a job's runs are told, and for a picture of which size. */
type ToldJob = SizeFields & { readonly height: number; readonly width: number };

/** `time_ids` of both halves. */
export interface TimeIds {
  readonly time_ids: number[];
  readonly negative_time_ids: number[];
}

/** `time_ids` for a picture of this size; nothing for models that take none. */
export function timeIdsOf(job: ToldJob, pipeline: Pipeline): TimeIds | Record<string, never> {
  const count = sizeCount(pipeline);
  return count === undefined ? {} : idsOf(job, count);
}

/** Those of the refiner beside a model. */
export function refinerTimeIds(job: ToldJob): TimeIds {
  return idsOf(job, 5);
}

function idsOf(job: ToldJob, count: 5 | 6): TimeIds {
  const size: [number, number] = [job.height, job.width];
  const { original_size: original = size, crops_coords_top_left: crop = [0, 0], target_size: target = size } = job;
  const isRefiner = count === 5;
  const first = isRefiner ? [job.aesthetic_score ?? AESTHETIC_SCORE] : target;
  const second = isRefiner
    ? [job.negative_aesthetic_score ?? NEGATIVE_AESTHETIC_SCORE]
    : (job.negative_target_size ?? target);
  return {
    time_ids: [...original, ...crop, ...first],
    negative_time_ids: [
      ...(job.negative_original_size ?? original),
      ...(job.negative_crops_coords_top_left ?? crop),
      ...second,
    ],
  };
}

/** What was asked for, for a picture's parameters: `Original size: 512x256`, width first as sizes stand there. */
export function sizePairs(job: SizeFields): Record<string, string> {
  const given = FIELDS.filter((field) => job[field] !== undefined);
  return Object.fromEntries(given.map((field) => [labelOf(field), textOf(field, job[field]!)]));
}

/** `crops_coords_top_left` → `Crops coords top left` */
function labelOf(field: string): string {
  const words = field.replaceAll('_', ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}

function textOf(field: string, value: number | readonly number[]): string {
  if (typeof value === 'number') return String(value);
  return field.endsWith('_size') ? `${value[1]}x${value[0]}` : value.join('-');
}
