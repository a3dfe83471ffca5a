/** The door: a request becomes an accepted job, or an error that says what to do. Nothing that gets past here is the caller's fault. */
import { createHash, randomUUID } from 'node:crypto';
import type { ResultStore } from '#shared/bus/object-store.ts';
import { maxClipSkipOf, type Pipeline } from '#shared/checkpoint/pipeline.ts';
import * as controlnet from '#shared/contracts/controlnet.ts';
import { GenerateRequest, type LoraUnit } from '#shared/contracts/generate.ts';
import { MAX_PIXELS, MAX_SEED } from '#shared/contracts/limits.ts';
import * as lora from '#shared/contracts/lora.ts';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { atField } from '#shared/errors/at-field.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import { traceHeaders, withSpan } from '#shared/telemetry/tracing.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import { admitHires, admitStart, admitVariation, scheduleOf, storeFile, warnOfVariation } from './admit-start.ts';
import type { AdmittedHires } from './admitted-start.ts';
import { deepCacheOf } from './deep-cache.ts';
import { type HintSource, type HintTarget, makeHint } from './hint.ts';
import type { AdmittedControlNet, AdmittedJob } from './job.ts';
import { requestOf } from './job-request.ts';
import { checkLoraStart, warnOfLoraStart } from './lora-start.ts';
import { warnOfUnreadTags } from './lora-tags.ts';
import { editedOf, readPrompts, withoutBreaks } from './read-prompts.ts';
import { admitRefiner } from './refiner.ts';
import { type Sampling, Samplings } from './sampling.ts';
import { sizeFields } from './size-conditioning.ts';
import { checkStart, stepsRun } from './start-rules.ts';
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

/** See the head of this file. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #samplings: Samplings;
  #lastPicture: Promise<unknown> = Promise.resolve();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#samplings = new Samplings(parts.pipeline.scheduler);
  }

  /** @throws MeshError INVALID_REQUEST with the paths of the fields, UNKNOWN_*, UNSUPPORTED_OPTION, INVALID_IMAGE, IMAGE_TOO_LARGE, LORA_*, CONTROLNET_MISMATCH */
  admit(input: unknown): Promise<AdmittedJob> {
    return withSpan('admission', {}, async () => {
      const request = readPrompts(parseRequest(GenerateRequest, input));
      this.#checkModel(request.model);
      checkStart(request);
      checkLoraStart({ ...request, steps: stepsRun(request) });
      const id = request.job ?? randomUUID();
      const start = await this.#inLine(() => this.#admitStart(request, id));
      const job = await this.#withDefaults({ ...request, job: id, ...start?.size });
      const [loras, controlnets] = await Promise.all([
        this.#checkLoras(request.loras),
        this.#checkControlNets(request, job),
      ]);
      const accepted = { ...job, ...(start && { start: start.start }), loras, controlnets };
      return { ...accepted, request: requestOf(request, accepted) };
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

  async #withDefaults(
    request: GenerateRequest & { job: string },
  ): Promise<Omit<AdmittedJob, 'loras' | 'controlnets' | 'request'>> {
    const { pipeline, now } = this.#parts;
    const batch = batchOf(request);
    const side = this.#modelSide;
    const { width = side, height = side, steps, guidance_scale, clip_skip, guess_mode, rng } = request;
    const { guidance_rescale, guidance_start, guidance_end, prompt_syntax } = request;
    const { job, lora_start, priority, client, preview_every, subseed_strength = 0 } = request;
    const prompts = spread(request.prompt, batch);
    const sampling = await atField('sampler', () => this.#samplings.of(request));
    if (width * height > MAX_PIXELS) throw tooLarge(width, height);
    const hires = admitHires(request, { width, height });
    if (hires) await this.#checkHiresSteps(sampling, hires);
    const refiner = admitRefiner(request, pipeline, { sampling, hires });
    const variation = admitVariation(request, job, batch);
    const negative_prompts = spread(request.negative_prompt ?? '', batch);
    const edited = editedOf(request, { prompts, negative_prompts }, { sampling, config: pipeline.scheduler, hires });
    const deep_cache = deepCacheOf(request, pipeline.unet);
    const maxClipSkip = maxClipSkipOf(pipeline);
    if (clip_skip > maxClipSkip) throw tooDeep(clip_skip, maxClipSkip);
    return {
      job,
      model: pipeline.name,
      prompts,
      negative_prompts,
      ...(edited && { edited }),
      zero_negative: request.negative_prompt === undefined && pipeline.forcesZeros,
      ...sizeFields(request, pipeline),
      ...(refiner && { refiner }),
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
      seeds: seedsOf(request.seed ?? drawSeed(job), batch, subseed_strength > 0),
      ...(hires && { hires }),
      ...(variation && { variation }),
      clip_skip,
      guess_mode,
      ...(deep_cache && { deep_cache }),
      ...(request.controlnet_every > 1 && { controlnet_every: request.controlnet_every }),
      lora_start,
      priority,
      ...(client !== undefined && { client }),
      preview_every,
      warnings: [
        ...warnOfUnknownWords(pipeline.name, prompts.map(withoutBreaks), pipeline.vocabulary),
        ...warnOfUnreadTags(request),
        ...warnOfLoraStart(request),
        ...warnOfVariation(request),
      ],
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
    job: Pick<AdmittedJob, 'job' | 'width' | 'height' | 'hires'>,
  ): Promise<AdmittedControlNet[]> {
    return Promise.all(
      request.controlnets.map(async ({ image, ...unit }, i) => {
        const path = `controlnets.${i}.image`;
        const source = { ...unit, image };
        const [hint, hiresHint] = await Promise.all([
          this.#makeHint(source, { path, width: job.width, height: job.height }),
          job.hires && this.#makeHint(source, { path, width: job.hires.width, height: job.hires.height }),
          atField(`controlnets.${i}.controlnet`, () => this.#inspectControlNet(unit.controlnet)),
        ]);
        const { files } = this.#parts;
        const stored = await storeFile(files, `${job.job}-hint-${i}`, hint);
        if (!hiresHint) return { ...unit, hint: stored };
        return { ...unit, hint: stored, hires_hint: await storeFile(files, `${job.job}-hires-hint-${i}`, hiresHint) };
      }),
    );
  }

  #makeHint(source: HintSource, target: HintTarget): Promise<Uint8Array> {
    return this.#inLine(() => makeHint(source, target, this.#parts.files));
  }

  /** One after another: a decoded picture may take 200 MB. */
  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastPicture.then(work);
    this.#lastPicture = done.catch(() => {});
    return done;
  }

  #admitStart(request: GenerateRequest, job: string): ReturnType<typeof admitStart> {
    const side = this.#modelSide;
    return admitStart(request, { job, modelSize: { width: side, height: side }, files: this.#parts.files });
  }

  async #checkHiresSteps(sampling: Sampling, hires: AdmittedHires): Promise<void> {
    const config = this.#parts.pipeline.scheduler;
    await atField('hires.steps', () =>
      createSampler(sampling.sampler, { ...sampling, config, steps: scheduleOf(hires) }),
    );
  }

  get #modelSide(): number {
    return this.#parts.pipeline.unet.sampleSize * VAE_FACTOR;
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
function seedsOf(seed: number | number[], batch: number, isVaried: boolean): number[] {
  if (Array.isArray(seed)) return seed;
  if (isVaried) return Array.from({ length: batch }, () => seed);
  const max = MAX_SEED - (batch - 1);
  if (seed <= max) return Array.from({ length: batch }, (_, i) => seed + i);
  throw invalidRequest([{ path: 'seed', message: `must be at most ${max} for ${batch} pictures` }]);
}

/** 32 bits, as A1111 draws them, out of the job's id: a job that is accepted twice is the same job. */
function drawSeed(job: string): number {
  return createHash('sha256').update(job).digest().readUInt32LE(0);
}

function tooLarge(width: number, height: number): MeshError {
  const message = `times height must be at most ${MAX_PIXELS} pixels, ${width} × ${height} is more`;
  return invalidRequest([{ path: 'width', message }]);
}

function tooDeep(clipSkip: number, layers: number): MeshError {
  const text = `clip_skip ${clipSkip} leaves none of the text encoder's ${layers} layers: take ${layers} at most.`;
  return new MeshError('UNSUPPORTED_OPTION', text, { path: 'clip_skip', max: layers });
}
