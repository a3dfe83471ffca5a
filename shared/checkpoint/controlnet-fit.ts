/** Whether a ControlNet was made for a UNet: its residuals have to have the shapes of the UNet's skips, and it reads the same text. */
import { MeshError } from '#shared/errors/errors.ts';
import type { ControlNetConfig, EncoderConfig, UnetConfig } from '#shared/tensor/network-config.ts';

/**
 * What has to agree. Transformers need not: ControlNets of SDXL have fewer, or none. An inpainting UNet's ControlNets see the
 * latents alone.
 */
const SAME: Readonly<Record<string, (config: EncoderConfig & Partial<UnetConfig>) => unknown>> = {
  latentChannels: ({ inChannels, outChannels }) => outChannels ?? inChannels,
  blockOutChannels: ({ blockOutChannels }) => blockOutChannels,
  layersPerBlock: ({ downBlocks }) => downBlocks.map((layers) => layers.length),
  crossAttentionDim: ({ crossAttentionDim }) => crossAttentionDim,
  addedEmbedding: ({ added }) => (added ? [added.width, added.sizeWidth] : 'none'),
};

/** @throws MeshError CONTROLNET_MISMATCH naming the numbers that differ. */
export function assertControlNetFits(name: string, controlNet: ControlNetConfig, unet: UnetConfig): void {
  const compared = Object.entries(SAME).map(([key, of]) => ({ key, got: of(controlNet), expected: of(unet) }));
  const differing = compared.filter(({ got, expected }) => String(got) !== String(expected));
  if (differing.length === 0) return;
  const list = differing.map(({ key, got, expected }) => `${key} is ${String(got)}, the model has ${String(expected)}`);
  throw new MeshError('CONTROLNET_MISMATCH', `ControlNet ${name} was made for another model: ${list.join('; ')}.`, {
    name,
    expected: Object.fromEntries(differing.map(({ key, expected }) => [key, expected])),
    got: Object.fromEntries(differing.map(({ key, got }) => [key, got])),
  });
}
