/** What LoRAs are held against: names and shapes of every weight of a checkpoint that they may patch. */
import { openComponent } from './component.ts';
import type { LoraBase } from './lora-names.ts';
import type { Pipeline } from './pipeline.ts';

/** Reads headers only. @throws MeshError as `openComponent` */
export async function loraBase({
  folders,
  textEncoders,
}: Pick<Pipeline, 'folders' | 'textEncoders'>): Promise<LoraBase> {
  const unet = await openComponent(folders.unet);
  const encoders = textEncoders.map(async ({ part, folder }) => [part, (await openComponent(folder)).weights.index]);
  return { unet: unet.weights.index, ...Object.fromEntries(await Promise.all(encoders)) };
}
