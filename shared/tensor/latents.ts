/** Facts of latents that several actors share. */

/** Latent pixels are 8 × 8 pixels, in every Stable Diffusion. */
export const VAE_FACTOR = 8;

/** [B, …] → [times · B, …], the same values again and again, in an array of its own. */
export function repeatBatch(values: Float32Array, times: number): Float32Array {
  const all = new Float32Array(values.length * times);
  for (let i = 0; i < times; i++) all.set(values, i * values.length);
  return all;
}
