/** Units of A1111's ControlNet extension as ours. Source: Mikubill/sd-webui-controlnet, wiki/API. */
import { z } from 'zod';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { parseRequest } from '../../validation.ts';
import { withoutHash } from './without-hash.ts';

type Unit = NonNullable<GenerateInput['controlnets']>[number];

const Picture = z.union([z.string(), z.object({ image: z.string(), mask: z.string().nullish() })]).nullish();
const Args = z.strictObject({
  enabled: z.boolean().nullish(),
  image: Picture,
  input_image: Picture,
  mask: z.string().nullish(),
  mask_image: z.string().nullish(),
  effective_region_mask: z.string().nullish(),
  module: z.string().nullish(),
  model: z.string().nullish(),
  weight: z.number().nullish(),
  resize_mode: z.union([z.number(), z.string()]).nullish(),
  threshold_a: z.number().nullish(),
  threshold_b: z.number().nullish(),
  guidance_start: z.number().nullish(),
  guidance_end: z.number().nullish(),
  control_mode: z.union([z.number(), z.string()]).nullish(),
  hr_option: z.string().nullish(),
  // The hint is made at the picture's own size, and memory is the mesh's affair.
  pixel_perfect: z.boolean().nullish(),
  processor_res: z.number().nullish(),
  resolution: z.number().nullish(),
  low_vram: z.boolean().nullish(),
  lowvram: z.boolean().nullish(),
  guessmode: z.boolean().nullish(),
  save_detected_map: z.boolean().nullish(),
});
type Args = z.infer<typeof Args>;

const RESIZE_MODES = new Map<unknown, Unit['resize_mode']>([
  [0, 'stretch'],
  ['Just Resize', 'stretch'],
  [1, 'crop'],
  ['Crop and Resize', 'crop'],
  ['Scale to Fit (Inner Fit)', 'crop'],
  [2, 'fill'],
  ['Resize and Fill', 'fill'],
  ['Envelope (Outer Fit)', 'fill'],
]);

/**
 * `path` is where the units stand in the request.
 * @throws MeshError INVALID_REQUEST, UNSUPPORTED_OPTION
 */
export function controlNetUnits(args: unknown, path: string, fallbackImage: string | undefined): Unit[] {
  const list = Array.isArray(args) ? args : [];
  return list.flatMap((entry, i) => {
    const unit = parseRequest(z.strictObject({ [`${path}.${i}`]: Args }), { [`${path}.${i}`]: entry });
    const read = Object.values(unit)[0] as Args;
    return read.enabled === false ? [] : [unitOf(read, `${path}.${i}`, fallbackImage)];
  });
}

function unitOf(args: Args, path: string, fallbackImage: string | undefined): Unit {
  refuseOthers(args, path);
  const image = pictureOf(args.image) ?? pictureOf(args.input_image) ?? fallbackImage;
  if (!image) throw missing(`${path}.image`, 'a unit needs its picture');
  const controlnet = args.model && withoutHash(args.model);
  if (!controlnet || controlnet === 'None') throw missing(`${path}.model`, 'name one of /controlnet/model_list');
  const preprocessor = (args.module ?? 'none') as Unit['preprocessor'];
  return withoutUndefined({
    controlnet,
    image,
    preprocessor,
    ...thresholds(preprocessor, args),
    resize_mode: args.resize_mode == null ? 'crop' : RESIZE_MODES.get(args.resize_mode),
    controlnet_conditioning_scale: args.weight ?? undefined,
    control_guidance_start: args.guidance_start ?? undefined,
    control_guidance_end: args.guidance_end ?? undefined,
  });
}

/** What the two sliders mean depends on the preprocessor. */
function thresholds(preprocessor: unknown, { threshold_a: a, threshold_b: b }: Args): Partial<Unit> {
  const at = (value: number | null | undefined): number | undefined => (value == null ? undefined : Math.round(value));
  if (preprocessor === 'canny') return withoutUndefined({ canny_low: at(a), canny_high: at(b) });
  if (preprocessor === 'threshold') return withoutUndefined({ threshold: at(a) });
  if (preprocessor === 'tile_resample') return withoutUndefined({ downsampling: a ?? undefined });
  return {};
}

function refuseOthers(args: Args, path: string): void {
  const { control_mode: mode, hr_option: option, resize_mode } = args;
  const refuse = (field: string, why: string): never => {
    throw new MeshError('UNSUPPORTED_OPTION', `${path}.${field} is not supported: ${why}.`, {
      path: `${path}.${field}`,
    });
  };
  if (mode != null && mode !== 0 && mode !== 'Balanced')
    refuse('control_mode', 'Balanced is; guess_mode of our own API is another way');
  if (option != null && option !== 'Both' && option !== 'HiResFixOption.BOTH')
    refuse('hr_option', 'units act in both runs');
  if (resize_mode != null && !RESIZE_MODES.has(resize_mode)) refuse('resize_mode', '0, 1 and 2 are');
  if (args.mask || args.mask_image || args.effective_region_mask) refuse('mask', 'units act on the whole picture');
  if (args.guessmode) refuse('guessmode', 'use guess_mode of our own API');
}

function pictureOf(picture: Args['image']): string | undefined {
  if (!picture) return undefined;
  return typeof picture === 'string' ? picture : picture.image;
}

function missing(path: string, why: string): MeshError {
  return new MeshError('INVALID_REQUEST', `${path} is missing: ${why}.`, { path });
}

function withoutUndefined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
