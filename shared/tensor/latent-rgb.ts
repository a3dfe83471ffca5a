/** Latents as colours, without the VAE: a linear map is enough for a small preview. */
import { type Tensor, tensor } from './tensor.ts';

/** Colours in 0 … 1 of one latent pixel: `factors[channel]` adds its red, green and blue for each unit of that channel. */
export interface LatentRgb {
  /** [C][3] */
  readonly factors: readonly (readonly number[])[];
  /** [3] */
  readonly bias: readonly number[];
}

/**
 * latents  f32 [B, C, h, w], clean
 * returns  u8 [B, h, w, 3]
 */
export function latentsToRgb(latents: Tensor<'f32'>, { factors, bias }: LatentRgb): Tensor<'u8'> {
  const [batch, channels, height, width] = latents.shape as [number, number, number, number];
  const plane = height * width;
  const rgb = new Uint8ClampedArray(batch * plane * 3);
  for (let at = 0; at < batch * plane; at++) {
    const first = Math.floor(at / plane) * channels * plane + (at % plane);
    for (let colour = 0; colour < 3; colour++) {
      let value = bias[colour]!;
      for (let c = 0; c < channels; c++) value += factors[c]![colour]! * latents.data[first + c * plane]!;
      rgb[at * 3 + colour] = value * 255;
    }
  }
  return tensor('u8', [batch, height, width, 3], new Uint8Array(rgb.buffer));
}
