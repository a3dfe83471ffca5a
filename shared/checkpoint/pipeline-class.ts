/** Which pipelines of diffusers can be served, by the `_class_name` of their `model_index.json`, and what the others are. */
import { MeshError } from '#shared/errors/errors.ts';

/** Text, UNet and VAE: one text encoder, or SDXL's two. */
export type Family = 'sd' | 'sdxl';

const SUPPORTED: readonly (readonly [RegExp, Family])[] = [
  [/^StableDiffusion(?:ControlNet)?(?:Img2Img|Inpaint)?Pipeline$/, 'sd'],
  [/^StableDiffusionXL(?:ControlNet)?(?:Img2Img|Inpaint)?Pipeline$/, 'sdxl'],
  [/^LatentConsistencyModel(?:Img2Img)?Pipeline$/, 'sd'],
];

/** Models that are built otherwise, so that whoever points at one is told what it is. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/^StableDiffusion3/, 'Stable Diffusion 3, a transformer'],
  [/^Flux/, 'Flux, a transformer'],
  [/^StableCascade|^Wuerstchen/, 'Stable Cascade'],
  [/^(?:StableVideo|AnimateDiff|TextToVideo|CogVideo|Wan|LTX|HunyuanVideo|Mochi)/, 'a video model'],
  [/^(?:PixArt|Sana|HunyuanDiT|Lumina|AuraFlow|QwenImage|CogView|Chroma|HiDream|ZImage)/, 'a diffusion transformer'],
  [/^(?:Kandinsky|Kolors)/, 'Kandinsky or Kolors, with another text encoder'],
  [/^(?:IF|DeepFloyd)/, 'DeepFloyd IF, which draws pixels'],
  [/InstructPix2Pix/, 'InstructPix2Pix, whose UNet also takes a picture'],
  [/Depth2Img/, 'a depth model, whose UNet also takes a depth map'],
  [/Upscale/, 'an upscaler'],
  [/Adapter/, 'a pipeline with its adapters inside: point at the base model'],
  [/PAG|Panorama|GLIGEN|GLigen|UnCLIP/, 'a Stable Diffusion with a method of its own'],
];

const SERVED = 'Stable Diffusion 1.x, 2.x and XL (base, refiner, inpainting, LCM, Turbo, distilled UNets)';

/**
 * The family of a pipeline class.
 * @throws MeshError CONFIG_UNSUPPORTED naming the class, what it is and what is served
 */
export function familyOf(path: string, className: unknown): Family {
  const name = typeof className === 'string' ? className : '';
  const found = SUPPORTED.find(([pattern]) => pattern.test(name));
  if (found) return found[1];
  const other = OTHERS.find(([pattern]) => pattern.test(name))?.[1];
  const kind = other === undefined ? '' : ` (${other})`;
  throw new MeshError(
    'CONFIG_UNSUPPORTED',
    `${path} is of class ${JSON.stringify(className)}${kind}, which cannot be served; ${SERVED} can.`,
    { file: path, key: '_class_name', value: className },
  );
}
