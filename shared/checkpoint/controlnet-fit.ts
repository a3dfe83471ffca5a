/** Whether a ControlNet was made for a UNet: its residuals have to have the shapes of the UNet's skips. */
import { MeshError } from '#shared/errors/errors.ts';
import type { ControlNetConfig, UnetConfig } from '#shared/tensor/network-config.ts';

const SAME = ['inChannels', 'blockOutChannels', 'downBlocks', 'layersPerBlock', 'crossAttentionDim'] as const;

/** @throws MeshError CONTROLNET_MISMATCH naming the numbers that differ. */
export function assertControlNetFits(name: string, controlNet: ControlNetConfig, unet: UnetConfig): void {
  const differing = SAME.filter((key) => String(controlNet[key]) !== String(unet[key]));
  if (differing.length === 0) return;
  const list = differing.map((key) => `${key} is ${String(controlNet[key])}, the model has ${String(unet[key])}`);
  throw new MeshError('CONTROLNET_MISMATCH', `ControlNet ${name} was made for another model: ${list.join('; ')}.`, {
    name,
    expected: Object.fromEntries(differing.map((key) => [key, unet[key]])),
    got: Object.fromEntries(differing.map((key) => [key, controlNet[key]])),
  });
}
