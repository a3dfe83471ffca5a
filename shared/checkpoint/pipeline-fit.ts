/** Whether the parts of a checkpoint are of one model: what one gives the next has to take. */
import { MeshError } from '#shared/errors/errors.ts';
import { type ClipTextConfig, isInpainting, type UnetConfig, type VaeConfig } from '#shared/tensor/network-config.ts';

/** The parts of a pipeline that have to go together. */
interface Fitting {
  readonly textEncoders: readonly { readonly config: ClipTextConfig }[];
  readonly unet: UnetConfig;
  readonly vae: VaeConfig;
}

/** @throws MeshError CONFIG_INVALID with both numbers when two parts do not go together */
export function checkFit(folder: string, parts: Fitting): void {
  const refuse = (message: string, details: Record<string, unknown>): never => {
    throw new MeshError('CONFIG_INVALID', `${folder}: ${message}.`, { folder, ...details });
  };
  checkText(parts, refuse);
  checkLatents(parts, refuse);
}

type Refuse = (message: string, details: Record<string, unknown>) => never;

function checkText({ textEncoders, unet }: Fitting, refuse: Refuse): void {
  const hiddenSize = textEncoders.reduce((sum, { config }) => sum + config.hiddenSize, 0);
  const { crossAttentionDim, added } = unet;
  if (hiddenSize !== crossAttentionDim) {
    refuse(`the text encoder gives ${hiddenSize} numbers per token, the UNet takes ${crossAttentionDim}`, {
      hiddenSize,
      crossAttentionDim,
    });
  }
  const projectionDim = textEncoders.at(-1)!.config.projectionDim;
  if (!added) return;
  if (projectionDim === undefined) refuse('its UNet takes a pooled text, which only SDXL has', { added });
  if (sizesOf(unet, projectionDim!) !== undefined) return;
  refuse(
    `the UNet takes ${added.width} added numbers, which are no pooled text of ${projectionDim} and 5 or 6 sizes of ${added.sizeWidth}`,
    { added, projectionDim },
  );
}

/**
 * Sizes that an SDXL UNet is conditioned by: 6 (original, crop, target), or the refiner's 5 (original, crop, aesthetic score).
 * Undefined for other UNets, and where the widths leave no such number.
 */
export function sizesOf({ added }: UnetConfig, projectionDim: number): 5 | 6 | undefined {
  if (!added) return undefined;
  const count = (added.width - projectionDim) / added.sizeWidth;
  return count === 5 || count === 6 ? count : undefined;
}

function checkLatents({ unet, vae }: Fitting, refuse: Refuse): void {
  const { inChannels, outChannels } = unet;
  const { latentChannels } = vae;
  if (outChannels === latentChannels && (inChannels === latentChannels || isInpainting(unet))) return;
  const hint =
    inChannels > latentChannels ? ' (a depth, picture-editing or upscaling model, which is not supported)' : '';
  refuse(`the UNet maps ${inChannels} to ${outChannels} channels, the VAE has ${latentChannels}${hint}`, {
    inChannels,
    outChannels,
    latentChannels,
  });
}
