/**
 * OpenAI's images API in our terms. Fields that name a quality of OpenAI's own models are accepted at their defaults and
 * refused otherwise: nothing is ignored in silence.
 *
 * Source: openai-openapi, CreateImageRequest, CreateImageEditRequest and CreateImageVariationRequest.
 */
import { z } from 'zod';
import { type GenerateInput, GenerateRequest } from '#shared/contracts/generate.ts';
import {
  MAX_BATCH,
  MAX_CLIENT_CHARS,
  MAX_PIXELS,
  MAX_SIDE,
  MIN_SIDE,
  SIDE_MULTIPLE,
} from '#shared/contracts/limits.ts';
import { ERRORS, type ErrorDetails, MeshError, type WireError } from '#shared/errors/errors.ts';
import { IMAGE_FORMATS, type ImageFormat } from '#shared/image/convert.ts';
import { invalidRequest, parseRequest } from '../validation.ts';

/** What OpenAI has other names for. */
const {
  prompt,
  model: _model,
  width: _width,
  height: _height,
  batch: _batch,
  preview_every: _every,
  ...own
} = GenerateRequest.shape;
type OwnField = keyof typeof own;

/** Left out here means left out there, where the defaults are. */
const ownFields = Object.fromEntries(
  Object.entries(own).map(([name, field]) => [name, field instanceof z.ZodDefault ? field.unwrap().optional() : field]),
) as unknown as Record<OwnField, z.ZodType>;

/** The body of POST /v1/images/generations: OpenAI's fields, and ours beside them under their own names. */
export const ImagesRequest = z.strictObject({
  ...ownFields,
  prompt,
  model: z.string().min(1).nullish(),
  n: z.number().int().min(1).max(MAX_BATCH).nullish(),
  size: z
    .string()
    .regex(/^(auto|\d{2,4}x\d{2,4})$/, 'must be "auto" or WIDTHxHEIGHT')
    .nullish(),
  response_format: z.enum(['b64_json', 'url']).nullish(),
  output_format: z.enum(IMAGE_FORMATS).nullish(),
  output_compression: z.number().int().min(0).max(100).nullish(),
  quality: z.enum(['auto', 'standard', 'hd', 'low', 'medium', 'high']).nullish(),
  background: z.enum(['auto', 'opaque', 'transparent']).nullish(),
  style: z.enum(['vivid', 'natural']).nullish(),
  moderation: z.enum(['auto', 'low']).nullish(),
  stream: z.boolean().nullish(),
  partial_images: z.number().int().min(0).max(3).nullish(),
  user: z.string().max(MAX_CLIENT_CHARS).nullish(),
  // As other servers name them.
  num_inference_steps: own.steps.unwrap().optional(),
  cfg_scale: own.guidance_scale.unwrap().optional(),
});

type ImagesRequest = z.infer<typeof ImagesRequest>;

/** How the pictures are to be given out. */
export interface ImagesOptions {
  readonly isByUrl: boolean;
  readonly format: ImageFormat;
  /** Of JPEG and WebP, 0 … 100. */
  readonly quality: number | undefined;
  readonly isStream: boolean;
  /** Pictures on the way, at most. */
  readonly partialImages: number;
}

/** What was asked: the generation, and how its pictures are to be given out. */
export interface ImagesJob {
  readonly input: GenerateInput;
  readonly options: ImagesOptions;
}

/** Values of OpenAI's fields that ask for something this server does not do. */
const UNSUPPORTED: { readonly [Field in keyof ImagesRequest]?: readonly unknown[] } = {
  quality: ['hd', 'low', 'medium', 'high'],
  background: ['transparent'],
  style: ['natural'],
};

/** Steps of a request that names none: those of the contract. */
const DEFAULT_STEPS = GenerateRequest.shape.steps.parse(undefined);

/** @throws MeshError INVALID_REQUEST, UNSUPPORTED_OPTION */
export function readImagesRequest(body: unknown): ImagesJob {
  const request = parseRequest(ImagesRequest, body);
  refuseUnsupported(request);
  const options = optionsOf(request);
  const { steps, guidance_scale, client } = request as { steps?: number; guidance_scale?: number; client?: string };
  const allSteps = one('steps', steps, 'num_inference_steps', request.num_inference_steps);
  const input = withoutUndefined({
    ...Object.fromEntries(Object.keys(ownFields).map((name) => [name, request[name as OwnField]])),
    prompt: request.prompt,
    model: request.model ?? undefined,
    batch: request.n ?? undefined,
    ...sizeOf(request.size),
    steps: allSteps,
    guidance_scale: one('guidance_scale', guidance_scale, 'cfg_scale', request.cfg_scale),
    // Many clients of OpenAI's API send an empty one.
    client: one('client', client, 'user', request.user || undefined),
    ...previews(options, allSteps ?? DEFAULT_STEPS),
  });
  return { input, options };
}

function optionsOf(request: ImagesRequest): ImagesOptions {
  const { response_format, output_format, output_compression, stream, partial_images } = request;
  return {
    isByUrl: response_format === 'url',
    format: output_format ?? 'png',
    quality: output_compression ?? undefined,
    isStream: stream === true,
    partialImages: partial_images ?? 0,
  };
}

/** So many that the pictures on the way are spread evenly; a run of few steps has fewer. */
function previews({ partialImages }: ImagesOptions, steps: number): { preview_every?: number } {
  if (partialImages === 0) return {};
  return { preview_every: Math.max(1, Math.floor(steps / (partialImages + 1))) };
}

/** OpenAI's error form, with its four keys. */
export function toErrorResponse({ code, message, details = {} }: WireError): { readonly error: object } {
  const type = ERRORS[code].status < 500 ? 'invalid_request_error' : 'server_error';
  return { error: { message, type, param: fieldOf(details), code, details } };
}

/** The field that an error is about: the first, where there are several. */
export function fieldOf({ problems, path }: ErrorDetails): string | null {
  const [first] = Array.isArray(problems) ? (problems as { path: string }[]) : [];
  const named = first?.path ?? path;
  return typeof named === 'string' ? named : null;
}

function refuseUnsupported(request: ImagesRequest): void {
  for (const [field, refused] of Object.entries(UNSUPPORTED)) {
    const value = request[field as keyof ImagesRequest];
    if (refused.includes(value))
      throw unsupported(field, value, 'What pictures look like is up to steps, guidance_scale and sampler');
  }
  const { partial_images, stream, output_compression, output_format } = request;
  if (partial_images && !stream)
    throw unsupported('partial_images', partial_images, 'They come with "stream": true only');
  const hasQuality = output_format === 'jpeg' || output_format === 'webp';
  if (output_compression != null && !hasQuality) {
    throw unsupported('output_compression', output_compression, 'PNG has none; take output_format jpeg or webp');
  }
}

function unsupported(field: string, value: unknown, why: string): MeshError {
  const text = `${field}: ${JSON.stringify(value)} is not supported. ${why}.`;
  return new MeshError('UNSUPPORTED_OPTION', text, { path: field, value });
}

function sizeOf(size: string | null | undefined): { width?: number; height?: number } {
  if (!size || size === 'auto') return {};
  const [width, height] = size.split('x').map(Number) as [number, number];
  for (const side of [width, height]) {
    if (side < MIN_SIDE || side > MAX_SIDE || side % SIDE_MULTIPLE !== 0) {
      throw wrongSize(`must have sides from ${MIN_SIDE} to ${MAX_SIDE}, multiples of ${SIDE_MULTIPLE}`);
    }
  }
  if (width * height > MAX_PIXELS) throw wrongSize(`must be at most ${MAX_PIXELS} pixels`);
  return { width, height };
}

/** Of the field that the caller knows; width and height are not fields here. */
function wrongSize(message: string): MeshError {
  return invalidRequest([{ path: 'size', message }]);
}

/** Two names of one field: either, or both alike. */
function one<T extends number | string>(
  name: string,
  value: T | undefined,
  alias: string,
  aliasValue: T | undefined,
): T | undefined {
  if (value !== undefined && aliasValue !== undefined && value !== aliasValue) {
    throw invalidRequest([{ path: alias, message: `says ${aliasValue}, ${name} says ${value}` }]);
  }
  return value ?? aliasValue;
}

function withoutUndefined(input: Record<string, unknown>): GenerateInput {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as GenerateInput;
}
