/** Numbers that went wrong on their way: a network that computes NaN draws a black picture, and says nothing. */
import { MeshError } from '#shared/errors/errors.ts';

/**
 * Requires numbers that are neither NaN nor infinite.
 *
 * what     `The latents after step 3 of 20`, for the message
 * network  whose weights to look at
 * @throws MeshError NOT_FINITE
 */
export function requireFinite(values: Float32Array, what: string, network: string): void {
  if (areFinite(values)) return;
  throw new MeshError(
    'NOT_FINITE',
    `${what} hold NaN or infinity. Leave out LoRAs and ControlNets, or take smaller weights and less guidance; ` +
      `if that does not help, the weights of the ${network} are damaged, or too large for its precision.`,
    { network },
  );
}

/** Whether none is NaN or infinite. v − v is 0 for numbers and NaN for the rest: ten times as fast as asking for each, which counts for pixels. */
export function areFinite(values: Float32Array): boolean {
  let sum = 0;
  for (const value of values) sum += value - value;
  return sum === 0;
}
