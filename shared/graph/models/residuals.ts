/** What passes between the halves of a UNet and from a ControlNet to them: how many values, of which shapes and names. */
import type { EncoderConfig } from '#shared/tensor/network-config.ts';
import type { Shape } from '#shared/tensor/tensor.ts';
import type { LatentSize } from './variant.ts';

const KERNEL = 3;

/** See {@link residualShapes}. */
export interface ResidualShapes {
  /** Of the skips, in the order in which the way down puts them out. */
  readonly skips: readonly Shape[];
  readonly mid: Shape;
}

/** Shapes of the skips and of the middle; a ControlNet's residuals have the same. */
export function residualShapes(config: EncoderConfig, size: LatentSize): ResidualShapes {
  const at = (channels: number): Shape => [size.batch, channels, height, width];
  let { height, width } = size;
  const skips: Shape[] = [at(config.blockOutChannels[0]!)];
  for (const [block, channels] of config.blockOutChannels.entries()) {
    for (const _ of config.downBlocks[block]!) skips.push(at(channels));
    if (block === config.blockOutChannels.length - 1) continue;
    [height, width] = [halved(height, config), halved(width, config)];
    skips.push(at(channels));
  }
  return { skips, mid: at(config.blockOutChannels.at(-1)!) };
}

/** Graph port of a skip, counted from the outermost. */
export function skipName(index: number): string {
  return `skip_${String(index).padStart(2, '0')}`;
}

/** Graph port of the residual that is added to the skip of the same index. */
export function residualName(index: number): string {
  return `residual_${String(index).padStart(2, '0')}`;
}

/** Graph port of the residual that is added to what the middle puts out. */
export const RESIDUAL_MID = 'residual_mid';

/** Graph port of what the outermost layers add to, see `unet-shallow.ts`. */
export const DEEP = 'deep';

/** The size that a strided convolution leaves. */
function halved(length: number, { downsamplePadding }: EncoderConfig): number {
  return Math.floor((length + 2 * downsamplePadding - KERNEL) / 2) + 1;
}
