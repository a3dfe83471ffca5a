/** The door: a request becomes an accepted job, or an error that says what to do. Nothing that gets past here is the caller's fault. */
import { createHash, randomUUID } from 'node:crypto';
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { Pipeline } from '#shared/checkpoint/pipeline.ts';
import * as controlnet from '#shared/contracts/controlnet.ts';
import { GenerateRequest, type LoraUnit } from '#shared/contracts/generate.ts';
import { MAX_PIXELS, MAX_SEED } from '#shared/contracts/limits.ts';
import * as lora from '#shared/contracts/lora.ts';
import { atField } from '#shared/errors/at-field.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import { traceHeaders, withSpan } from '#shared/telemetry/tracing.ts';
import { type HintSource, type HintTarget, makeHint } from './hint.ts';
import type { AdmittedControlNet, AdmittedJob } from './job.ts';
import { checkLoraStart, warnOfLoraStart } from './lora-start.ts';
import { samplingOf } from './sampling.ts';
import { warnOfUnknownWords } from './unknown-words.ts';
import { invalidRequest, parseRequest } from './validation.ts';

/** What the door asks and where it puts hints. */
export interface AdmissionParts {
  readonly pipeline: Pipeline;
  readonly mesh: MeshClient;
  readonly files: ResultStore;
  readonly now: () => number;
}

/** Checks at the door are header reads; an actor that takes longer than this has trouble of its own, ms. */
const CHECK_TIMEOUT_MS = 30_000;
/** Hex digits of a hint's digest in its name: enough to tell the hints of one job id apart. */
const HINT_DIGEST_DIGITS = 16;

/** See the head of this file. */
export class Admission {
  readonly #parts: AdmissionParts;
  #lastHint: Promise<unknown> = Promise.resolve();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** @throws MeshError INVALID_REQUEST with the paths of the fields, UNKNOWN_*, UNSUPPORTED_OPTION, INVALID_IMAGE, IMAGE_TOO_LARGE, LORA_*, CONTROLNET_MISMATCH */
  admit(input: unknown): Promise<AdmittedJob> {
    return withSpan('admission', {}, async () => {
      const request = parseRequest(GenerateRequest, input);
      this.#checkModel(request.model);
      checkLoraStart(request);
      const job = await this.#withDefaults(request);
      const [loras, controlnets] = await Promise.all([
        this.#checkLoras(request.loras),
        this.#checkControlNets(request, job),
      ]);
      return { ...job, loras, controlnets };
    });
  }

  #checkModel(model: string | undefined): void {
    const { name } = this.#parts.pipeline;
    if (model === undefined || model === name) return;
    const nearest = nearestNames(model, [name]);
    throw new MeshError('UNKNOWN_MODEL', `This mesh serves the model "${name}", not ${JSON.stringify(model)}.`, {
      path: 'model',
      model,
      nearest,
      known: [name],
    });
  }

  async #withDefaults(request: GenerateRequest): Promise<Omit<AdmittedJob, 'loras' | 'controlnets'>> {
    const { pipeline, now } = this.#parts;
    const batch = batchOf(request);
    const side = pipeline.unet.sampleSize * 8;
    const { width = side, height = side, steps, guidance_scale, clip_skip, guess_mode, rng } = request;
    const { guidance_rescale, guidance_start, guidance_end, prompt_syntax } = request;
    const { job = randomUUID(), lora_start, priority, client, preview_every } = request;
    const prompts = spread(request.prompt, batch);
    const sampling = await atField('sampler', () => samplingOf(request, pipeline.scheduler));
    if (width * height > MAX_PIXELS) throw tooLarge(width, height);
    if (clip_skip > pipeline.textEncoder.layers) throw tooDeep(clip_skip, pipeline.textEncoder.layers);
    return {
      job,
      model: pipeline.name,
      prompts,
      negative_prompts: spread(request.negative_prompt, batch),
      width,
      height,
      steps,
      guidance_scale,
      guidance_rescale,
      guidance_start,
      guidance_end,
      prompt_syntax,
      ...sampling,
      rng,
      seeds: seedsOf(request.seed ?? drawSeed(job), batch),
      clip_skip,
      guess_mode,
      lora_start,
      priority,
      ...(client !== undefined && { client }),
      preview_every,
      warnings: [...warnOfUnknownWords(pipeline.name, prompts, pipeline.vocabulary), ...warnOfLoraStart(request)],
      accepted_unix_ms: now(),
      deadline_unix_ms: now() + request.deadline_ms,
      trace: traceHeaders(),
    };
  }

  async #checkLoras(loras: readonly LoraUnit[]): Promise<AdmittedJob['loras']> {
    if (loras.length === 0) return [];
    const request = { loras: [...loras], is_wanted_soon: true };
    const { body } = await this.#parts.mesh.call(lora.inspect, request, {}, this.#checkOptions());
    return loras.map((unit, i) => ({ ...unit, hash: body.loras[i]!.hash }));
  }

  #checkControlNets(
    request: GenerateRequest,
    job: { job: string; width: number; height: number },
  ): Promise<AdmittedControlNet[]> {
    return Promise.all(
      request.controlnets.map(async ({ image, ...unit }, i) => {
        const target = { path: `controlnets.${i}.image`, width: job.width, height: job.height };
        const [hint] = await Promise.all([
          this.#makeHint({ ...unit, image }, target),
          atField(`controlnets.${i}.controlnet`, () => this.#inspectControlNet(unit.controlnet)),
        ]);
        // Its digest is in the name, so that another request under the same job id cannot change a hint that waits.
        const name = `${job.job}-hint-${i}-${digestOf(hint)}.png`;
        await this.#parts.files.put(name, hint);
        return { ...unit, hint: name };
      }),
    );
  }

  /** One after another: a decoded picture may take 200 MB. */
  #makeHint(source: HintSource, target: HintTarget): Promise<Uint8Array> {
    const hint = this.#lastHint.then(() => makeHint(source, target, this.#parts.files));
    this.#lastHint = hint.catch(() => {});
    return hint;
  }

  async #inspectControlNet(name: string): Promise<void> {
    await this.#parts.mesh.call(controlnet.inspect, { controlnet: name }, {}, this.#checkOptions());
  }

  #checkOptions(): { deadlineUnixMs: number; signal: AbortSignal } {
    return { deadlineUnixMs: this.#parts.now() + CHECK_TIMEOUT_MS, signal: new AbortController().signal };
  }
}

/** Pictures of the job: `batch`, or as many as there are prompts or seeds. @throws MeshError INVALID_REQUEST when they disagree */
function batchOf(request: GenerateRequest): number {
  const lists = { prompt: request.prompt, negative_prompt: request.negative_prompt, seed: request.seed };
  const lengths = Object.entries(lists).flatMap(([path, value]) =>
    Array.isArray(value) ? [{ path, length: value.length }] : [],
  );
  const batch = request.batch ?? lengths[0]?.length ?? 1;
  const wrong = lengths.filter(({ length }) => length !== batch);
  if (wrong.length === 0) return batch;
  throw invalidRequest(
    wrong.map(({ path, length }) => ({ path, message: `has ${length} entries for ${batch} pictures` })),
  );
}

function spread(value: string | string[], batch: number): string[] {
  return Array.isArray(value) ? value : Array.from({ length: batch }, () => value);
}

/** @throws MeshError INVALID_REQUEST when counting up leaves what a JSON number holds */
function seedsOf(seed: number | number[], batch: number): number[] {
  if (Array.isArray(seed)) return seed;
  const max = MAX_SEED - (batch - 1);
  if (seed <= max) return Array.from({ length: batch }, (_, i) => seed + i);
  throw invalidRequest([{ path: 'seed', message: `must be at most ${max} for ${batch} pictures` }]);
}

/** 32 bits, as A1111 draws them, out of the job's id: a job that is accepted twice is the same job. */
function drawSeed(job: string): number {
  return createHash('sha256').update(job).digest().readUInt32LE(0);
}

function digestOf(hint: Uint8Array): string {
  return createHash('sha256').update(hint).digest('hex').slice(0, HINT_DIGEST_DIGITS);
}

function tooLarge(width: number, height: number): MeshError {
  const message = `times height must be at most ${MAX_PIXELS} pixels, ${width} × ${height} is more`;
  return invalidRequest([{ path: 'width', message }]);
}

function tooDeep(clipSkip: number, layers: number): MeshError {
  const text = `clip_skip ${clipSkip} leaves none of the text encoder's ${layers} layers: take ${layers} at most.`;
  return new MeshError('UNSUPPORTED_OPTION', text, { path: 'clip_skip', max: layers });
}
