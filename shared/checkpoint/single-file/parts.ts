/**
 * A file that holds a whole checkpoint, or one network, taken apart by the names of its tensors. Nothing is copied: a part is the
 * file's own tensors under the names that diffusers has for them.
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { WeightIndex } from '../component-weights.ts';
import type { SafetensorsFile } from '../safetensors.ts';
import type { TensorEntry } from '../safetensors-header.ts';
import { canonicalName } from '../weight-names.ts';
import { controlNetWeight } from './ldm-controlnet.ts';
import { unetModule } from './ldm-unet.ts';
import { vaeBlocks, vaeWeight } from './ldm-vae.ts';
import { openClipEntries } from './open-clip.ts';

/** The networks that a file may hold, by the names of diffusers' folders. */
export type FilePart = 'unet' | 'vae' | 'text_encoder' | 'text_encoder_2' | 'controlnet';

/** A network's tensors, by diffusers' names. */
export interface PartTensors {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly isOpenClip: boolean;
}

type Rename = (entries: readonly TensorEntry[]) => TensorEntry[];

interface Source {
  readonly part: FilePart;
  /** Where a network's tensors stand in a whole checkpoint. */
  readonly prefix: string;
  readonly rename: Rename;
  readonly isOpenClip?: boolean;
}

/** In the order tried; the first that has tensors gives the part. */
const SOURCES: readonly Source[] = [
  { part: 'unet', prefix: 'model.diffusion_model.', rename: renameUnet },
  { part: 'vae', prefix: 'first_stage_model.', rename: renameVae },
  { part: 'text_encoder', prefix: 'cond_stage_model.transformer.', rename: asTheyAre },
  { part: 'text_encoder', prefix: 'cond_stage_model.model.', rename: renameOpenClip2, isOpenClip: true },
  { part: 'text_encoder', prefix: 'conditioner.embedders.0.transformer.', rename: asTheyAre },
  { part: 'text_encoder_2', prefix: 'conditioner.embedders.1.model.', rename: renameOpenClip, isOpenClip: true },
  { part: 'text_encoder_2', prefix: 'conditioner.embedders.0.model.', rename: renameOpenClip, isOpenClip: true },
  { part: 'controlnet', prefix: 'control_model.', rename: renameControlNet },
];

/** Tensors by which a file that holds one network alone, without a prefix, is known. */
const LONE: readonly (readonly [string, FilePart, Rename])[] = [
  ['input_hint_block.0.weight', 'controlnet', renameControlNet],
  ['controlnet_cond_embedding.conv_in.weight', 'controlnet', asTheyAre],
  ['decoder.conv_in.weight', 'vae', renameVae],
  ['input_blocks.0.0.weight', 'unet', renameUnet],
  ['down_blocks.0.resnets.0.conv1.weight', 'unet', asTheyAre],
];

/** The networks of a file. */
export function partsOf(file: SafetensorsFile): Map<FilePart, PartTensors> {
  const entries = [...file.tensors.values()];
  const lone = LONE.find(([mark]) => file.tensors.has(mark));
  if (lone) return new Map([[lone[1], named(file.path, lone[2](entries), false)]]);
  const parts = new Map<FilePart, PartTensors>();
  for (const { part, prefix, rename, isOpenClip = false } of SOURCES) {
    const own = entries.filter(({ name }) => name.startsWith(prefix));
    if (own.length === 0 || parts.has(part)) continue;
    const bare = own.map((entry) => ({ ...entry, name: entry.name.slice(prefix.length) }));
    parts.set(part, named(file.path, rename(bare), isOpenClip));
  }
  return parts;
}

/** Names and shapes of a part. */
export function indexOf({ tensors }: PartTensors): WeightIndex {
  return new Map([...tensors].map(([name, { shape }]) => [canonicalName(name), shape]));
}

function named(path: string, entries: readonly TensorEntry[], isOpenClip: boolean): PartTensors {
  const tensors = new Map<string, TensorEntry>();
  for (const entry of entries) {
    if (tensors.has(entry.name)) {
      const text = `${path} has two tensors for ${entry.name}.`;
      throw new MeshError('SAFETENSORS_INVALID', text, { file: path, tensor: entry.name });
    }
    tensors.set(entry.name, entry);
  }
  return { tensors, isOpenClip };
}

function asTheyAre(entries: readonly TensorEntry[]): TensorEntry[] {
  return entries.filter(({ name }) => name !== 'logit_scale' && name !== 'text_projection');
}

/** What has no name in diffusers keeps its own: it is told as a weight that nobody asked for. */
function renameUnet(entries: readonly TensorEntry[]): TensorEntry[] {
  const layers = layersOf(entries);
  return entries.map((entry) => ({ ...entry, name: unetModule(entry.name, layers) ?? entry.name }));
}

function renameControlNet(entries: readonly TensorEntry[]): TensorEntry[] {
  const layers = layersOf(entries);
  return entries.map((entry) => ({ ...entry, name: controlNetWeight(entry.name, layers) ?? entry.name }));
}

function renameVae(entries: readonly TensorEntry[]): TensorEntry[] {
  const kept = entries.filter(({ name }) => !/^(?:loss|model_ema)\./.test(name));
  const blocks = vaeBlocks(kept.map(({ name }) => name));
  return kept.map((entry) => ({ ...entry, name: vaeWeight(entry.name, blocks) }));
}

function renameOpenClip(entries: readonly TensorEntry[]): TensorEntry[] {
  return entries.flatMap(openClipEntries);
}

/** Stable Diffusion 2 reads the last layer but one, so diffusers leaves the last one out, and the projection with it. */
function renameOpenClip2(entries: readonly TensorEntry[]): TensorEntry[] {
  const renamed = renameOpenClip(entries);
  const layerOf = (name: string): number => Number(/^text_model\.encoder\.layers\.(\d+)\./.exec(name)?.[1] ?? -1);
  const last = Math.max(...renamed.map(({ name }) => layerOf(name)));
  return renamed.filter(({ name }) => layerOf(name) !== last && name !== 'text_projection.weight');
}

/** The first strided convolution stands behind the layers of the first block. */
function layersOf(entries: readonly TensorEntry[]): number {
  const places = entries.map(({ name }) => /^input_blocks\.(\d+)\.0\.op\.weight$/.exec(name)?.[1]);
  const first = Math.min(...places.filter((place) => place !== undefined).map(Number));
  return Number.isFinite(first) ? first - 1 : 0;
}
