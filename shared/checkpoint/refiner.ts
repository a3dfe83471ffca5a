/** The UNet that finishes what a model's own began: of SDXL's refiner. It reads the text of the model's second encoder, and its latents are the model's. */
import { basename, extname, join, resolve } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import type { ClipTextConfig, UnetConfig, VaeConfig } from '#shared/tensor/network-config.ts';
import { hasCheckpointFile, readCheckpointJson } from './checkpoint-files.ts';
import { configPath } from './component.ts';
import { sizesOf } from './pipeline-fit.ts';
import { placeInFile } from './single-file/single-file.ts';
import { parseUnetConfig } from './unet-config.ts';

/** What of a refiner is used. */
export interface RefinerPart {
  /** The name of its folder or file. */
  readonly name: string;
  /** Of its UNet, absolute. */
  readonly folder: string;
  readonly unet: UnetConfig;
  /** Whether its negative half is zeros where no negative prompt is given. */
  readonly forcesZeros: boolean;
}

/** The model that it is for. */
interface Base {
  readonly textEncoders: readonly { readonly config: ClipTextConfig }[];
  readonly vae: VaeConfig;
}

/** Sizes that a refiner is told of: the aesthetic score stands in the place of the target size. */
const REFINER_SIZES = 5;

/**
 * Reads a refiner's configuration and checks it against its base; no weights are read.
 * @throws MeshError FILE_UNREADABLE, CONFIG_INVALID, CONFIG_UNSUPPORTED naming what does not fit
 */
export async function openRefiner(path: string, base: Base): Promise<RefinerPart> {
  const root = resolve(path);
  const folder = join(root, 'unet');
  const index = join(root, 'model_index.json');
  if (!(await hasCheckpointFile(index))) throw noRefiner(root, 'it is no checkpoint', 'FILE_UNREADABLE');
  const [json, { force_zeros_for_empty_prompt: forced }] = await Promise.all([
    readCheckpointJson(configPath(folder)),
    readCheckpointJson(index),
  ]);
  const unet = parseUnetConfig(configPath(folder), json);
  checkRefiner(root, unet, base);
  const name = basename(root, placeInFile(root) ? extname(root) : '');
  return { name, folder, unet, forcesZeros: forced === true };
}

function checkRefiner(root: string, unet: UnetConfig, { textEncoders, vae }: Base): void {
  const { projectionDim, hiddenSize } = textEncoders.at(-1)!.config;
  if (projectionDim === undefined) throw noRefiner(root, 'the model has no second text encoder, which only SDXL has');
  if (sizesOf(unet, projectionDim) !== REFINER_SIZES) {
    throw noRefiner(root, "its UNet takes no aesthetic score beside the model's pooled text");
  }
  if (unet.crossAttentionDim !== hiddenSize) {
    throw noRefiner(
      root,
      `its UNet takes ${unet.crossAttentionDim} numbers per token, the model's second text encoder gives ${hiddenSize}`,
    );
  }
  if (unet.inChannels === vae.latentChannels && unet.outChannels === vae.latentChannels) return;
  throw noRefiner(
    root,
    `its UNet maps ${unet.inChannels} to ${unet.outChannels} channels, the VAE has ${vae.latentChannels}`,
  );
}

function noRefiner(
  root: string,
  why: string,
  code: 'CONFIG_INVALID' | 'FILE_UNREADABLE' = 'CONFIG_INVALID',
): MeshError {
  const text = `${root} is no refiner of this model: ${why}.`;
  return new MeshError(code, text, { folder: root });
}
