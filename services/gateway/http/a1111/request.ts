/** A1111's txt2img and img2img in our terms. */
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { MAX_BATCH } from '#shared/contracts/limits.ts';
import { resolveSampler, webUiSchedule } from '#shared/diffusion/sampler-names.ts';
import { atField } from '#shared/errors/at-field.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';
import { invalidRequest } from '../../validation.ts';
import { controlNetUnits } from './controlnet-args.ts';
import { type A1111Fields, readFields } from './fields.ts';
import { withoutHash } from './without-hash.ts';

/** What was asked, and whether its pictures are to be sent. */
export interface A1111Job {
  readonly input: GenerateInput;
  readonly sendsImages: boolean;
}

/** The web UI's own, where a request leaves it out. */
const DEFAULT_SAMPLER = 'Euler';
const DEFAULT_STEPS = 50;
const DEFAULT_CFG_SCALE = 7;
const DEFAULT_STRENGTH = 0.75;
/** Pictures on the way for /progress in one run, about: the web UI's live preview shows every tenth step. */
const PREVIEWS = 10;

const RESIZE_MODES = ['stretch', 'crop', 'fill'] as const;
const FILLS = ['fill', 'original', 'latent_noise', 'latent_nothing'] as const;
const UPSCALERS: Readonly<Record<string, NonNullable<GenerateInput['hires']>['upscaler']>> = {
  Latent: 'latent',
  'Latent (nearest)': 'latent-nearest',
  'Latent (bicubic)': 'latent-bicubic',
  Lanczos: 'lanczos',
  Nearest: 'nearest',
  None: 'lanczos',
};
/** Names of {@link UPSCALERS}. */
export const UPSCALER_NAMES: readonly string[] = Object.keys(UPSCALERS);

/** @throws MeshError INVALID_REQUEST, UNSUPPORTED_OPTION, UNKNOWN_SAMPLER */
export async function readJob(body: unknown, kind: 'txt2img' | 'img2img'): Promise<A1111Job> {
  const fields = readFields(body);
  const steps = fields.steps ?? DEFAULT_STEPS;
  const input = {
    ...(fields.force_task_id && { job: fields.force_task_id }),
    prompt: fields.prompt ?? '',
    negative_prompt: fields.negative_prompt ?? '',
    prompt_syntax: 'a1111' as const,
    // The web UI draws on the GPU unless it is told otherwise.
    rng: 'philox' as const,
    steps,
    guidance_scale: fields.cfg_scale ?? DEFAULT_CFG_SCALE,
    ...(await samplingOf(fields)),
    ...sizeOf(fields),
    batch: batchOf(fields),
    ...seedsOf(fields),
    ...(kind === 'img2img' ? startOf(fields) : hiresOf(fields)),
    ...refinerOf(fields),
    controlnets: scriptsOf(fields),
    preview_every: Math.max(1, Math.round(steps / PREVIEWS)),
    ...settingsOf(fields.override_settings ?? {}),
  };
  return { input, sendsImages: fields.send_images !== false };
}

/** The schedule that a sampler has in the web UI when none is named is part of its name there. */
async function samplingOf({
  sampler_name,
  sampler_index,
  scheduler,
  eta,
}: A1111Fields): Promise<Partial<GenerateInput>> {
  const name = sampler_name ?? sampler_index ?? DEFAULT_SAMPLER;
  const { sampler, schedule } = await atField('sampler_name', () => resolveSampler(name));
  const isAutomatic = !scheduler || scheduler.toLowerCase() === 'automatic';
  return {
    sampler: sampler.label,
    schedule: isAutomatic ? (schedule ?? webUiSchedule(sampler)) : scheduler,
    // Clients send it with every request; where the sampler has none, it asks for nothing.
    ...(eta != null && sampler.eta !== undefined && { eta }),
  };
}

function sizeOf({ width, height }: A1111Fields): Partial<GenerateInput> {
  return { ...(width != null && { width }), ...(height != null && { height }) };
}

function batchOf({ batch_size, n_iter }: A1111Fields): number {
  const batch = (batch_size ?? 1) * (n_iter ?? 1);
  if (batch <= MAX_BATCH) return batch;
  throw invalidRequest([
    { path: 'n_iter', message: `times batch_size must be at most ${MAX_BATCH}, ${batch} is more` },
  ]);
}

/** −1 asks for one at random. */
function seedsOf(fields: A1111Fields): Partial<GenerateInput> {
  const { seed, subseed, subseed_strength: strength, seed_resize_from_h: height, seed_resize_from_w: width } = fields;
  const isVaried = strength != null && strength > 0;
  return {
    ...(seed != null && seed >= 0 && { seed }),
    ...(isVaried && { subseed_strength: strength }),
    ...(isVaried && subseed != null && subseed >= 0 && { subseed }),
    ...(height && width && height > 0 && width > 0 ? { seed_resize_from: { width, height } } : {}),
  };
}

function hiresOf(fields: A1111Fields): Partial<GenerateInput> {
  if (!fields.enable_hr) return {};
  const { hr_scale, hr_resize_x: width, hr_resize_y: height, hr_second_pass_steps: steps, denoising_strength } = fields;
  const size = width && height ? { width, height } : { scale: hr_scale ?? 2 };
  const upscaler = one(UPSCALERS, fields.hr_upscaler ?? 'Latent', 'hr_upscaler');
  const strength = denoising_strength ?? DEFAULT_STRENGTH;
  return { hires: { ...size, strength, upscaler, ...(steps ? { steps } : {}) } };
}

/** As in the web UI there is none without both, and none that has nothing left to do. */
function refinerOf({ refiner_checkpoint: name, refiner_switch_at: start }: A1111Fields): Partial<GenerateInput> {
  if (!name || name === 'None' || start == null || start >= 1) return {};
  return { refiner: { model: withoutHash(name), denoising_start: start } };
}

function startOf(fields: A1111Fields): Partial<GenerateInput> {
  const [init_image, ...others] = fields.init_images ?? [];
  if (init_image === undefined) throw invalidRequest([{ path: 'init_images', message: 'is missing' }]);
  if (others.length > 0) throw unsupported('init_images', 'One picture only: send a request for each');
  return {
    init_image,
    strength: fields.denoising_strength ?? DEFAULT_STRENGTH,
    resize_mode: one(RESIZE_MODES, fields.resize_mode ?? 0, 'resize_mode'),
    ...(fields.mask ? maskOf(fields, fields.mask) : {}),
  };
}

function maskOf(fields: A1111Fields, mask_image: string): Partial<GenerateInput> {
  const { mask_blur, inpainting_mask_invert, inpainting_fill, inpaint_full_res, inpaint_full_res_padding } = fields;
  const isFullRes = inpaint_full_res !== false;
  return {
    mask_image,
    ...(mask_blur != null && { mask_blur }),
    ...(inpainting_mask_invert === 1 && { mask_invert: true }),
    inpaint_fill: one(FILLS, inpainting_fill ?? 0, 'inpainting_fill'),
    ...(isFullRes && { inpaint_full_res: true }),
    ...(isFullRes && inpaint_full_res_padding != null && { inpaint_full_res_padding }),
  };
}

/** Those that are always on: ControlNet is here; others are taken when they are switched off. */
function scriptsOf({ alwayson_scripts, init_images }: A1111Fields): GenerateInput['controlnets'] {
  return Object.entries(alwayson_scripts ?? {}).flatMap(([name, script]) => {
    const args = (script as { args?: unknown } | null)?.args ?? [];
    const path = `alwayson_scripts.${name}.args`;
    if (name.toLowerCase() === 'controlnet') return controlNetUnits(args, path, init_images?.[0]);
    const isOff = Array.isArray(args) && args.every((arg) => arg === false || arg === null || arg === '');
    if (isOff) return [];
    throw unsupported(`alwayson_scripts.${name}`, 'Of the scripts that are always on, controlnet is here');
  });
}

/** Settings of the web UI that a request may change for itself. */
const SETTINGS: Readonly<Record<string, (value: unknown) => Partial<GenerateInput>>> = {
  sd_model_checkpoint: (value) => ({ model: withoutHash(String(value)) }),
  CLIP_stop_at_last_layers: (value) => ({ clip_skip: value as number }),
  randn_source: (value) => ({ rng: value === 'CPU' ? 'cpu' : 'philox' }),
  eta_noise_seed_delta: (value) => neutral('eta_noise_seed_delta', value, [0]),
  sd_vae: (value) => neutral('sd_vae', value, ['Automatic', 'None', '']),
  samples_format: (value) => neutral('samples_format', value, ['png']),
  send_seed: () => ({}),
  enable_pnginfo: () => ({}),
};

/** @throws MeshError UNSUPPORTED_OPTION */
export function settingsOf(settings: Readonly<Record<string, unknown>>): Partial<GenerateInput> {
  const changed = Object.entries(settings).map(([name, value]) => {
    const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
    if (setting) return value === null ? {} : setting(value);
    const known = Object.keys(SETTINGS);
    const [near] = nearestNames(name, known);
    throw unsupported(`override_settings.${name}`, near ? `Did you mean ${near}?` : `There are ${known.join(', ')}`);
  });
  return Object.assign({}, ...changed);
}

function neutral(name: string, value: unknown, allowed: readonly unknown[]): Record<string, never> {
  if (allowed.includes(value)) return {};
  throw unsupported(`override_settings.${name}`, `Here it is ${JSON.stringify(allowed[0])}`);
}

function one<T>(table: readonly T[] | Readonly<Record<string, T>>, key: number | string, path: string): T {
  const found = Object.hasOwn(table, key) ? (table as Readonly<Record<string, T>>)[key] : undefined;
  if (found !== undefined) return found;
  const keys = Object.keys(table).join(', ');
  throw unsupported(path, `${JSON.stringify(key)} is not here: there are ${keys}`);
}

function unsupported(path: string, why: string): MeshError {
  return new MeshError('UNSUPPORTED_OPTION', `${path} is not supported. ${why}.`, { path });
}
