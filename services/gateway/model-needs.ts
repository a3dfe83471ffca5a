/** What a model cannot do without: told at the door rather than by the denoiser. */
import type { GenerateRequest } from '#shared/contracts/generate.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { isInpainting, type UnetConfig } from '#shared/tensor/network-config.ts';

/** @throws MeshError UNSUPPORTED_OPTION for a request to an inpainting model without a part to paint, or with a second run */
export function checkModelNeeds(
  request: Pick<GenerateRequest, 'mask_image' | 'outpaint' | 'hires'>,
  unet: UnetConfig,
): void {
  if (!isInpainting(unet)) return;
  const path = request.hires ? 'hires' : 'mask_image';
  if (path === 'mask_image' && (request.mask_image !== undefined || request.outpaint !== undefined)) return;
  const text = 'This model paints a part of a picture anew: give init_image with mask_image or outpaint, and no hires.';
  throw new MeshError('UNSUPPORTED_OPTION', text, { path });
}
