/**
 * OpenAI's images API in our terms. Fields that name a quality of OpenAI's own models are accepted at their defaults and
 * refused otherwise: nothing is ignored in silence.
 *
 * Source: openai-openapi, CreateImageRequest and ImagesResponse.
 */
import { z } from 'zod';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { GenerateRequest } from '#shared/contracts/generate.ts';
import {
  MAX_BATCH,
  MAX_CLIENT_CHARS,
  MAX_PIXELS,
  MAX_SIDE,
  MIN_SIDE,
  SIDE_MULTIPLE,
} from '#shared/contracts/limits.ts';
import { START_FIELDS } from '#shared/contracts/start.ts';
import { ERRORS, type ErrorDetails, MeshError, type WireError } from '#shared/errors/errors.ts';
import { invalidRequest, parseRequest } from '../validation.ts';

const {
  steps,
  guidance_scale,
  guidance_rescale,
  guidance_start,
  guidance_end,
  prompt_syntax,
  rng,
  negative_prompt,
  clip_skip,
  controlnets,
  guess_mode,
  loras,
  lora_start,
  priority,
  deadline_ms,
  ...native
} = GenerateRequest.shape;
/** Left out here means left out there, where the defaults are. */
const stepsHere = steps.unwrap().optional();
const guidanceHere = guidance_scale.unwrap().optional();

/** The body of POST /v1/images/generations: OpenAI's fields, and ours beside them under their own names. */
const ImagesRequest = z.strictObject({
  prompt: native.prompt,
  model: z.string().min(1).nullish(),
  n: z.number().int().min(1).max(MAX_BATCH).nullish(),
  size: z
    .string()
    .regex(/^(auto|\d{2,4}x\d{2,4})$/, 'must be "auto" or WIDTHxHEIGHT')
    .nullish(),
  response_format: z.enum(['b64_json', 'url']).nullish(),
  output_format: z.enum(['png', 'jpeg', 'webp']).nullish(),
  quality: z.enum(['auto', 'standard', 'hd', 'low', 'medium', 'high']).nullish(),
  background: z.enum(['auto', 'opaque', 'transparent']).nullish(),
  style: z.enum(['vivid', 'natural']).nullish(),
  moderation: z.enum(['auto', 'low']).nullish(),
  stream: z.boolean().nullish(),
  partial_images: z.number().int().min(0).max(3).nullish(),
  user: z.string().max(MAX_CLIENT_CHARS).nullish(),
  // Ours, as other servers name them too.
  job: native.job,
  negative_prompt: negative_prompt.unwrap().optional(),
  steps: stepsHere,
  num_inference_steps: stepsHere,
  guidance_scale: guidanceHere,
  cfg_scale: guidanceHere,
  guidance_rescale: guidance_rescale.unwrap().optional(),
  guidance_start: guidance_start.unwrap().optional(),
  guidance_end: guidance_end.unwrap().optional(),
  prompt_syntax: prompt_syntax.unwrap().optional(),
  rng: rng.unwrap().optional(),
  sampler: native.sampler,
  schedule: native.schedule,
  eta: native.eta,
  seed: native.seed,
  ...START_FIELDS,
  clip_skip: clip_skip.unwrap().optional(),
  controlnets: controlnets.unwrap().optional(),
  guess_mode: guess_mode.unwrap().optional(),
  loras: loras.unwrap().optional(),
  lora_start: lora_start.unwrap().optional(),
  priority: priority.unwrap().optional(),
  client: native.client,
  deadline_ms: deadline_ms.unwrap().optional(),
});

type ImagesRequest = z.infer<typeof ImagesRequest>;

/** Values of OpenAI's fields that ask for something this server does not do. */
const UNSUPPORTED: { readonly [Field in keyof ImagesRequest]?: readonly unknown[] } = {
  response_format: ['url'],
  output_format: ['jpeg', 'webp'],
  quality: ['hd', 'low', 'medium', 'high'],
  background: ['transparent'],
  style: ['natural'],
  stream: [true],
  partial_images: [1, 2, 3],
};

/** @throws MeshError INVALID_REQUEST, UNSUPPORTED_OPTION */
export function toGenerateInput(body: unknown): GenerateInput {
  const request = parseRequest(ImagesRequest, body);
  refuseUnsupported(request);
  const { prompt, model, n, size, steps, num_inference_steps, guidance_scale, cfg_scale } = request;
  const {
    negative_prompt,
    job,
    guidance_rescale,
    guidance_start,
    guidance_end,
    prompt_syntax,
    rng,
    sampler,
    schedule,
    eta,
    seed,
    clip_skip,
    controlnets,
    guess_mode,
    loras,
    lora_start,
    priority,
    deadline_ms,
  } = request;
  return withoutUndefined({
    prompt,
    model: model ?? undefined,
    batch: n ?? undefined,
    ...sizeOf(size),
    steps: one('steps', steps, 'num_inference_steps', num_inference_steps),
    guidance_scale: one('guidance_scale', guidance_scale, 'cfg_scale', cfg_scale),
    // Many clients of OpenAI's API send an empty one.
    client: one('client', request.client, 'user', request.user || undefined),
    ...{ guidance_rescale, guidance_start, guidance_end, prompt_syntax, rng, schedule },
    ...{ negative_prompt, job, sampler, eta, seed, clip_skip, controlnets, guess_mode, loras, lora_start },
    ...{ priority, deadline_ms },
    ...startOf(request),
  });
}

/** Ours, under their own names. */
function startOf(request: ImagesRequest): Partial<GenerateInput> {
  return Object.fromEntries(
    Object.keys(START_FIELDS).map((field) => [field, request[field as keyof typeof START_FIELDS]]),
  );
}

/** OpenAI's answer; `parameters`, `seed` and the rest stand beside what it knows. */
export function toImagesResponse(reply: GenerateReply, createdUnixMs: number): unknown {
  const data = reply.images.map(({ b64_json, seed, parameters }) => ({ b64_json, seed, parameters }));
  const [first] = reply.images;
  return {
    created: Math.floor(createdUnixMs / 1000),
    data,
    output_format: 'png',
    size: first && `${first.width}x${first.height}`,
    job: reply.job,
    trace_id: reply.trace_id,
    model: reply.model,
    ...(reply.lora_entered_step !== undefined && { lora_entered_step: reply.lora_entered_step }),
    warnings: reply.warnings,
    timings: reply.timings,
  };
}

/** OpenAI's error form, with its four keys. */
export function toErrorResponse({ code, message, details = {} }: WireError): unknown {
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
    if (!refused.includes(value)) continue;
    const text = `${field}: ${JSON.stringify(value)} is not supported. Leave it out: pictures come as PNG in b64_json, in one answer; what they look like is up to steps, guidance_scale and sampler.`;
    throw new MeshError('UNSUPPORTED_OPTION', text, { path: field, value });
  }
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
