/**
 * The fields of A1111's txt2img and img2img: each is honoured, or taken at the values that ask for nothing and refused at
 * others, or ignored because it means nothing here. `docs/a1111.md` has the same list in words.
 *
 * Source: AUTOMATIC1111/stable-diffusion-webui, /docs of `--api`, StableDiffusionTxt2ImgProcessingAPI and …Img2Img….
 */
import { z } from 'zod';
import { JobId } from '#shared/contracts/generate.ts';
import { MAX_BATCH, MAX_STEPS } from '#shared/contracts/limits.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { parseRequest } from '../../validation.ts';

const Flag = z.union([z.boolean(), z.number().transform((value) => value !== 0)]).nullish();
const Text = z.string().nullish();
const Numeric = z.number().nullish();
const Count = z.number().int().min(1).max(MAX_BATCH).nullish();

/** What is honoured, by both. Ranges are those of our own contract, which are checked behind this. */
const BOTH = {
  prompt: Text,
  negative_prompt: Text,
  seed: Numeric,
  subseed: Numeric,
  subseed_strength: Numeric,
  seed_resize_from_h: Numeric,
  seed_resize_from_w: Numeric,
  sampler_name: Text,
  sampler_index: Text,
  scheduler: Text,
  batch_size: Count,
  n_iter: Count,
  steps: z.number().int().min(1).max(MAX_STEPS).nullish(),
  cfg_scale: Numeric,
  width: Numeric,
  height: Numeric,
  eta: Numeric,
  refiner_checkpoint: Text,
  refiner_switch_at: Numeric,
  denoising_strength: Numeric,
  override_settings: z.record(z.string(), z.unknown()).nullish(),
  send_images: Flag,
  alwayson_scripts: z.record(z.string(), z.unknown()).nullish(),
  /** The job's id, to ask for it by. */
  force_task_id: JobId.nullish(),
};

const TEXT_TO_IMAGE = {
  enable_hr: Flag,
  hr_scale: Numeric,
  hr_upscaler: Text,
  hr_second_pass_steps: Numeric,
  hr_resize_x: Numeric,
  hr_resize_y: Numeric,
};

const IMAGE_TO_IMAGE = {
  init_images: z.array(z.string()).nullish(),
  resize_mode: Numeric,
  mask: Text,
  mask_blur: Numeric,
  inpainting_fill: Numeric,
  inpaint_full_res: Flag,
  inpaint_full_res_padding: Numeric,
  inpainting_mask_invert: Numeric,
};

/** What means nothing here: nothing is saved on the server, no setting outlives its request, scripts have no arguments without a script. */
const IGNORED = new Set([
  'save_images',
  'do_not_save_samples',
  'do_not_save_grid',
  'override_settings_restore_afterwards',
  'script_args',
  'include_init_images',
  'image_cfg_scale',
  'comments',
  'hr_cfg',
]);

/** Values that ask for nothing; `null` always does. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  styles: [],
  restore_faces: [false],
  tiling: [false],
  s_churn: [0],
  s_tmax: [0],
  s_tmin: [0],
  s_noise: [1],
  s_min_uncond: [0],
  script_name: ['', 'None'],
  disable_extra_networks: [false],
  firstpass_image: [],
  firstphase_width: [0],
  firstphase_height: [0],
  hr_checkpoint_name: ['', 'Use same checkpoint'],
  hr_sampler_name: ['', 'Use same sampler'],
  hr_scheduler: ['', 'Use same scheduler'],
  hr_prompt: [''],
  hr_negative_prompt: [''],
  hr_additional_modules: [],
  mask_blur_x: [4],
  mask_blur_y: [4],
  mask_round: [true],
  latent_mask: [],
  initial_noise_multiplier: [1],
  infotext: [''],
};

/** What is said besides of one that is refused. */
const REASONS: Readonly<Record<string, string>> = {
  script_name: 'Scripts are programs of the web UI; of those that are always on, controlnet is here',
  styles: 'Styles are files of the web UI: write what they say into the prompt',
  restore_faces: 'There is no face restorer',
  tiling: 'Pictures that tile are not made',
};

const Fields = z.strictObject({ ...BOTH, ...TEXT_TO_IMAGE, ...IMAGE_TO_IMAGE });
/** The fields that are honoured, as they were sent. */
export type A1111Fields = z.infer<typeof Fields>;

/** @throws MeshError INVALID_REQUEST; UNSUPPORTED_OPTION for a field that asks for what is not here */
export function readFields(body: unknown): A1111Fields {
  if (typeof body !== 'object' || body === null) return parseRequest(Fields, body);
  const honoured = Object.entries(body).filter(([name, value]) => {
    if (IGNORED.has(name)) return false;
    if (!Object.hasOwn(NEUTRAL, name)) return true;
    refuseUnlessNeutral(name, value);
    return false;
  });
  return parseRequest(Fields, Object.fromEntries(honoured));
}

function refuseUnlessNeutral(name: string, value: unknown): void {
  const isEmpty = value === null || value === undefined || (Array.isArray(value) && value.length === 0);
  if (isEmpty || NEUTRAL[name]!.includes(value)) return;
  const reason = REASONS[name] ?? 'Leave it out';
  const text = `${name}: ${JSON.stringify(value)?.slice(0, 100)} is not supported. ${reason}.`;
  throw new MeshError('UNSUPPORTED_OPTION', text, { path: name });
}
