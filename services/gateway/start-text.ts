/** Where a picture started, in the words of A1111's parameters. */
import type { Infotext } from '#shared/image/infotext.ts';
import type { AdmittedHires, AdmittedMask } from './admitted-start.ts';
import type { AdmittedJob } from './job.ts';

const MASKED_CONTENT: Readonly<Record<AdmittedMask['inpaint_fill'], string>> = {
  fill: 'fill',
  original: 'original',
  latent_noise: 'latent noise',
  latent_nothing: 'latent nothing',
};

const UPSCALERS: Readonly<Record<AdmittedHires['upscaler'], string>> = {
  latent: 'Latent',
  'latent-nearest': 'Latent (nearest)',
  'latent-bicubic': 'Latent (bicubic)',
  lanczos: 'Lanczos',
  nearest: 'Nearest',
};

/** Fields that A1111 has a place of its own for. */
export function startFields(
  { start, hires, variation }: AdmittedJob,
  index: number,
): Pick<Infotext, 'denoisingStrength' | 'variationSeed' | 'variationStrength' | 'seedResizeFrom'> {
  const strength = start?.strength ?? hires?.strength;
  return {
    ...(variation && variation.strength > 0 && { variationSeed: variation.subseeds[index]! }),
    ...(variation && variation.strength > 0 && { variationStrength: variation.strength }),
    ...(variation?.from && { seedResizeFrom: variation.from }),
    ...(strength !== undefined && { denoisingStrength: strength }),
  };
}

/** Further pairs, by their keys. */
export function startPairs({ start, hires, width, height, steps }: AdmittedJob): Record<string, string> {
  return {
    ...(start && start.resize_mode !== 'stretch' && { 'Resize mode': start.resize_mode }),
    ...(start?.outpaint && { Outpaint: sidesText(start.outpaint) }),
    ...(start?.mask && maskPairs(start.mask)),
    ...(hires && hiresPairs(hires, { width, height, steps })),
  };
}

function maskPairs(mask: AdmittedMask): Record<string, string> {
  const { mask_blur, mask_invert, inpaint_fill, inpaint_full_res_padding: padding } = mask;
  return {
    ...(mask_blur > 0 && { 'Mask blur': String(mask_blur) }),
    ...(mask_invert && { 'Mask mode': 'Inpaint not masked' }),
    ...(padding !== undefined && { 'Inpaint area': 'Only masked', 'Masked area padding': String(padding) }),
    'Masked content': MASKED_CONTENT[inpaint_fill],
  };
}

/** A1111 tells a scale where both sides have the same, and leaves out steps that are those of the first run. */
function hiresPairs(hires: AdmittedHires, first: { width: number; height: number; steps: number }) {
  const scale = hires.width / first.width;
  const isScaled = scale === hires.height / first.height;
  return {
    ...(isScaled ? { 'Hires upscale': String(scale) } : { 'Hires resize': `${hires.width}x${hires.height}` }),
    ...(hires.steps !== first.steps && { 'Hires steps': String(hires.steps) }),
    'Hires upscaler': UPSCALERS[hires.upscaler],
  };
}

function sidesText(sides: { left: number; right: number; top: number; bottom: number }): string {
  return `left ${sides.left} right ${sides.right} top ${sides.top} bottom ${sides.bottom}`;
}
