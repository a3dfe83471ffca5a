/** How long a profile says that things take. Pure. */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';

/** One run: the device is busy for `runMs`, and the outputs need `linkMs` more to be where they are wanted. */
export interface ServiceTime {
  readonly runMs: number;
  readonly linkMs: number;
}

/** @throws MeshError CONFIGURATION when the profile does not know the network */
export function serviceTime(profile: DeviceProfile, model: GraphModel): ServiceTime {
  const network = networkOf(model.name);
  const timing = profile.networks[network];
  if (!timing) {
    const known = Object.keys(profile.networks);
    const text = `The profile ${profile.name} has no time for ${network}, only for ${known.join(', ')}: add it.`;
    throw new MeshError('CONFIGURATION', text, { profile: profile.name, network, known });
  }
  const batch = Math.max(1, ...model.outputs.map(({ shape }) => shape[0] ?? 1));
  const linkMs = (timing.sends_bytes * batch * 1000) / profile.link.bytes_per_second;
  return { runMs: msOfBatch(timing.ms, batch), linkMs };
}

/** `unet.up+residuals 2x16x16` → `unet.up` */
function networkOf(graph: string): string {
  return graph.split(/[ +]/, 1)[0]!;
}

/** The time of a batch: as the table says, in proportion beyond it, on a straight line where it has a gap. */
export function msOfBatch(table: Readonly<Record<string, number>>, batch: number): number {
  const sizes = Object.keys(table)
    .map(Number)
    .sort((a, b) => a - b);
  const below = sizes.findLast((size) => size <= batch)!;
  const above = sizes.find((size) => size >= batch);
  if (above === undefined) return (table[below]! * batch) / below;
  if (above === below) return table[below]!;
  const share = (batch - below) / (above - below);
  return table[below]! * (1 - share) + table[above]! * share;
}

/**
 * Patching weights with the LoRAs that factors were joined from.
 * @param factors `<weight>.down` has the sum of their ranks as its first axis
 */
export function patchMs({ lora }: DeviceProfile, factors: TensorMap): number {
  const ranks = Object.entries(factors).map(([name, { shape }]) => (name.endsWith('.down') ? shape[0]! : 0));
  return patchMsOf(lora, Math.ceil(Math.max(0, ...ranks) / lora.rank));
}

/** Patching weights with a number of LoRAs, ms. */
export function patchMsOf(lora: DeviceProfile['lora'], count: number): number {
  return count === 0 ? 0 : lora.patch_ms + (count - 1) * lora.patch_further_ms;
}

/**
 * The first read of a LoRA on a host.
 * @param share which part of all reads is at least as fast, 0 … 1
 */
export function firstReadMs({ first_read: points, read_ms }: DeviceProfile['lora'], share: number): number {
  if (!points) return read_ms;
  const above = Math.max(
    points.findIndex(([at]) => at >= share),
    1,
  );
  const [[fromShare, fromMs], [toShare, toMs]] = [points[above - 1]!, points[above]!];
  return fromMs + ((toMs - fromMs) * (share - fromShare)) / (toShare - fromShare);
}
