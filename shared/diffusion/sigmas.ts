/**
 * Noise levels σ = √((1 − ᾱ)/ᾱ), the deviation of the noise over the clean latents.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_euler_discrete.py
 */
const { fround } = Math;

/** σ of every training step: f32 [trainTimesteps], rising. */
export function sigmaTable(alphas: Float32Array): Float32Array {
  return alphas.map((alpha) => Math.sqrt(fround(fround(1 - alpha) / alpha)));
}

/** σ at timesteps that may have fractions, interpolated linearly; beyond the ends, the ends. */
export function sigmasAt(table: Float32Array, timesteps: readonly number[]): number[] {
  return timesteps.map((timestep) => {
    const position = Math.min(fround(timestep), table.length - 1);
    const low = Math.min(Math.floor(position), table.length - 2);
    return table[low]! + (position - low) * (table[low + 1]! - table[low]!);
  });
}

/** The timesteps, with fractions, at which the schedule has these noise levels: linear in log σ. */
export function timestepsOf(sigmas: readonly number[], table: Float32Array): number[] {
  const logs = table.map(Math.log);
  return sigmas.map((sigma) => {
    const log = Math.log(Math.max(sigma, 1e-10));
    const below = logs.findLastIndex((entry) => entry <= log);
    const low = Math.min(Math.max(below, 0), logs.length - 2);
    const weight = (logs[low]! - log) / (logs[low]! - logs[low + 1]!);
    return low + Math.min(Math.max(weight, 0), 1);
  });
}
