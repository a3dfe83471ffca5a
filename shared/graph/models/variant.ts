/** What every network of a mesh can be asked for: its size and how its weights enter. */
import type { WeightVariant } from '../graph-model.ts';

/** Size of a run in latent pixels. */
export interface LatentSize {
  /** `B` */
  readonly batch: number;
  /** `h` */
  readonly height: number;
  /** `w` */
  readonly width: number;
}

/** Size of a run that also reads a prompt. */
export interface PromptedSize extends LatentSize {
  /** `T` */
  readonly tokens: number;
}

/** How a graph is built beside its size. */
export interface GraphVariant extends WeightVariant {
  /** Inner values to put out too. */
  readonly taps?: readonly string[];
}

/** `unet.down 2x64x64` */
export function graphName(network: string, { batch, height, width }: LatentSize): string {
  return `${network} ${batch}x${height}x${width}`;
}
