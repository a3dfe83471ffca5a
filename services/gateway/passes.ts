/** The denoiser's runs of a job: one, or with `hires` two, the second of which starts from the enlarged picture of the first. */
import { loraKey } from '#shared/adapters/lora-weights.ts';
import * as denoiser from '#shared/contracts/denoiser.ts';
import { type LoraPart, lorasFor, type PinnedLora } from '#shared/contracts/lora.ts';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { firstStep } from '#shared/diffusion/sampler.ts';
import type { Size } from '#shared/image/resize.ts';
import type { MeshCallOptions } from '#shared/placement/mesh-client.ts';
import { withSpan } from '#shared/telemetry/tracing.ts';
import { isInpainting } from '#shared/tensor/network-config.ts';
import { pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { scheduleOf } from './admit-start.ts';
import { enlarged } from './enlarge.ts';
import type { GenerationParts } from './generation-parts.ts';
import { readHint } from './hint.ts';
import type { AdmittedJob } from './job.ts';
import { refinerTimeIds, timeIdsOf } from './size-conditioning.ts';
import { nothingKept } from './start-tensors.ts';
import { readStart } from './stored-start.ts';

/** What comes out of all of them. */
export interface Denoised {
  /** f32 [B, 4, h, w] */
  readonly latents: Tensor<'f32'>;
  /** The first step with LoRAs, from 0; null when none entered the UNet. */
  readonly loraEnteredStep: number | null;
}

/** One run. */
export interface Pass {
  readonly size: Size;
  /** Of the whole schedule, and how many of them are left out at its beginning. */
  readonly steps: number;
  readonly firstStep: number;
  readonly lora_start: AdmittedJob['lora_start'];
  /** Which prompts its calls have, where they are edited. */
  readonly conditionings: denoiser.DenoiseRequest['conditionings'];
  readonly tensors: TensorMap;
  /** Whether it gives the job's pictures: the refiner's part is its end. */
  readonly isLast: boolean;
}

/** Calls of the model in runs before and after. */
type OtherCalls = denoiser.DenoiseRequest['other_calls'];

/** What all runs of a job share. */
interface Runs {
  readonly parts: GenerationParts;
  readonly job: AdmittedJob;
  /** The tensors of the text encoders. */
  readonly embeds: TensorMap;
  readonly options: MeshCallOptions;
}

/** @throws MeshError of the stage that failed, once every retry is spent */
export async function denoise(
  parts: GenerationParts,
  job: AdmittedJob,
  { embeds, first }: { readonly embeds: TensorMap; readonly first: Pass },
  options: MeshCallOptions,
): Promise<Denoised> {
  const runs = { parts, job, embeds, options };
  if (!job.hires) return run(runs, first, undefined);
  const second = secondPass(job.hires, job.edited?.hires_calls);
  const calls = { first: callsOf(runs, first), second: callsOf(runs, second) };
  const small = await run(runs, first, { before: 0, after: calls.second });
  const [tensors, hints, seen] = await Promise.all([
    withSpan('enlarge', {}, () => enlarged(parts.mesh, small.latents, job.hires!, options)),
    readHints(parts, job, 'hires_hint'),
    unmasked(parts, second.size, options),
  ]);
  const all = { ...hints, ...seen, ...tensors };
  const large = await run(runs, { ...second, tensors: all }, { before: calls.first, after: 0 });
  return { latents: large.latents, loraEnteredStep: small.loraEnteredStep };
}

/** What the first run needs beside the embeddings; it may be made while those are. */
export async function firstPass(parts: GenerationParts, job: AdmittedJob, options: MeshCallOptions): Promise<Pass> {
  const { width, height, steps, lora_start, start, edited } = job;
  const [hints, seen, pictures] = await Promise.all([
    withSpan('hints', {}, () => readHints(parts, job, 'hint')),
    start?.mask ? {} : unmasked(parts, { width, height }, options),
    start && withSpan('start', {}, () => readStart(parts, start, options)),
  ]);
  const skipped = start ? firstStep(steps, start.strength) : 0;
  const conditionings = edited?.calls ?? [];
  const tensors = { ...hints, ...seen, ...pictures };
  return { size: { width, height }, steps, firstStep: skipped, lora_start, conditionings, tensors, isLast: !job.hires };
}

/** Inpainting UNets see a mask in every run. */
async function unmasked({ mesh, pipeline }: GenerationParts, size: Size, options: MeshCallOptions): Promise<TensorMap> {
  return isInpainting(pipeline.unet) ? nothingKept(mesh, size, options) : {};
}

/** LoRAs are there by now. */
function secondPass(
  hires: NonNullable<AdmittedJob['hires']>,
  conditionings: Pass['conditionings'] = [],
): Omit<Pass, 'tensors'> {
  const { width, height } = hires;
  const steps = scheduleOf(hires);
  return {
    size: { width, height },
    steps,
    firstStep: steps - hires.steps,
    lora_start: 'exact',
    conditionings,
    isLast: true,
  };
}

function callsOf({ parts, job }: Runs, { steps, firstStep: skipped }: Omit<Pass, 'tensors'>): number {
  const { schedule, eta } = job;
  const sampler = createSampler(job.sampler, { config: parts.pipeline.scheduler, steps, schedule, eta });
  return sampler.timesteps.length - skipped * sampler.callsPerStep;
}

async function run({ parts, job, embeds, options }: Runs, pass: Pass, other_calls: OtherCalls): Promise<Denoised> {
  const { sampler, schedule, eta, rng, seeds, variation, guidance_scale, guess_mode, controlnets, preview_every } = job;
  const { guidance_rescale, guidance_start, guidance_end } = job;
  const inpaint_fill = job.start?.mask?.inpaint_fill ?? 'original';
  const request = {
    job: job.job,
    ...pass.size,
    steps: pass.steps,
    ...{ sampler, schedule, eta, rng, seeds, guidance_scale, guess_mode, controlnets, preview_every },
    ...{ guidance_rescale, guidance_start, guidance_end },
    ...timeIdsOf({ ...job, ...pass.size }, parts.pipeline),
    ...refinerOf(job, pass),
    loras: lorasOf(job),
    lora_start: pass.lora_start,
    conditionings: pass.conditionings,
    ...((pass.tensors.init_mean || pass.tensors.mask) && { start: { first_step: pass.firstStep, inpaint_fill } }),
    ...(job.deep_cache && { deep_cache: job.deep_cache }),
    ...(job.controlnet_every && { controlnet_every: job.controlnet_every }),
    ...(variation && { variation }),
    ...(other_calls && { other_calls }),
  };
  const tensors = { ...embeds, ...pass.tensors };
  const reply = await parts.mesh.call(denoiser.denoise, request, tensors, { ...options, ...holdsLoras('unet', job) });
  return { latents: pick(reply.tensors, 'latents', 'f32'), loraEnteredStep: reply.body.lora_entered_step };
}

function refinerOf(job: AdmittedJob, { isLast, size }: Pass): Pick<denoiser.DenoiseRequest, 'refiner'> {
  if (!job.refiner || !isLast) return {};
  return { refiner: { denoising_start: job.refiner.denoising_start, ...refinerTimeIds({ ...job, ...size }) } };
}

async function readHints(
  { files }: GenerationParts,
  job: AdmittedJob,
  which: 'hint' | 'hires_hint',
): Promise<TensorMap> {
  const hints = await Promise.all(job.controlnets.map(async (unit) => readHint(await files.get(unit[which]!))));
  return Object.fromEntries(hints.map((hint, i) => [`hint_${i}`, hint]));
}

/** With the content that was accepted: it stands in the parameters, so no other may be used. */
export function lorasOf(job: AdmittedJob): PinnedLora[] {
  return [...job.loras];
}

/** Where a part's LoRAs may be already. */
export function holdsLoras(part: LoraPart, job: AdmittedJob): { holds?: string[] } {
  const key = loraKey(lorasFor(part, job.loras));
  return key ? { holds: [key] } : {};
}
