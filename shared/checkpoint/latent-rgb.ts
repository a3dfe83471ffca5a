/** Which linear map turns a checkpoint's latents into colours: its own file where it has one, else the one of its family. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import type { LatentRgb } from '#shared/tensor/latent-rgb.ts';
import { readJsonFile } from './json-file.ts';

/** The file, in the checkpoint's folder. */
const FILE = 'latent_rgb.json';

/** Source: https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204 */
const STABLE_DIFFUSION: LatentRgb = {
  factors: [
    [0.149, 0.1035, 0.104],
    [0.0935, 0.143, 0.0865],
    [-0.079, 0.0945, 0.132],
    [-0.092, -0.1355, -0.2365],
  ],
  bias: [0.5, 0.5, 0.5],
};

/** Source: https://huggingface.co/blog/TimothyAlexisVass/explaining-the-sdxl-latent-space, its weights of 255 */
const STABLE_DIFFUSION_XL: LatentRgb = {
  factors: [
    [60, 60, 60],
    [-60, -5, 10],
    [25, 15, -5],
    [-70, -50, -35],
  ].map((row) => row.map((weight) => weight / 255)),
  bias: [150 / 255, 140 / 255, 130 / 255],
};

/** Latents of SDXL's autoencoder are scaled by this. */
const XL_SCALING_FACTOR = 0.13025;

/** The map for a checkpoint. @throws MeshError CONFIG_INVALID when its file is no such map */
export async function readLatentRgb(
  folder: string,
  vae: { readonly latentChannels: number; readonly scalingFactor: number },
): Promise<LatentRgb> {
  const path = join(folder, FILE);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return vae.scalingFactor === XL_SCALING_FACTOR ? STABLE_DIFFUSION_XL : STABLE_DIFFUSION;
  const { factors, bias } = await readJsonFile(path);
  const isMap = isTable(factors, vae.latentChannels) && isRow(bias);
  if (isMap) return { factors, bias };
  const text = `${path} needs "factors", ${vae.latentChannels} rows of three numbers, and "bias", three numbers.`;
  throw new MeshError('CONFIG_INVALID', text, { file: path });
}

function isTable(value: unknown, rows: number): value is number[][] {
  return Array.isArray(value) && value.length === rows && value.every(isRow);
}

function isRow(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}
