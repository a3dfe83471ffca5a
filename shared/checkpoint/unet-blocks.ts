/** The lists of `config.json` that say how a UNet's blocks are made, whichever family it is of. Rules are those of diffusers. */
import type { BlockLayers, Middle } from '#shared/tensor/network-config.ts';
import type { ConfigReader, Limits } from './config-reader.ts';
import { LAYERS, requireSameLength } from './network-limits.ts';

/** Transformer blocks in a row; SDXL has 10. */
const DEPTH: Limits = { min: 0, max: 64 };

/** Whether the blocks of a name have transformers. */
type BlockNames = Readonly<Record<string, boolean>>;

const DOWN_BLOCKS: BlockNames = { CrossAttnDownBlock2D: true, DownBlock2D: false };
const UP_BLOCKS: BlockNames = { CrossAttnUpBlock2D: true, UpBlock2D: false };
const DEFAULT_DOWN = ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'];
const DEFAULT_UP = ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'];

/** Depths of one block's transformers: one number for all of its layers, or one each (SSD-1B). */
type Depths = number | readonly number[];

/** @throws MeshError CONFIG_INVALID, CONFIG_UNSUPPORTED naming the key */
export function parseDownBlocks(reader: ConfigReader, channels: readonly number[]): readonly BlockLayers[] {
  const hasTransformers = reader.words('down_block_types', DOWN_BLOCKS, DEFAULT_DOWN);
  requireSameLength(reader, 'down_block_types', hasTransformers, channels);
  const layers = layersPerBlock(reader, channels);
  const depths = transformerDepths(reader, channels);
  return hasTransformers.map((has, block) => layersOf(reader, DOWN_DEPTHS, has ? depths[block]! : 0, layers[block]!));
}

/** @throws MeshError CONFIG_INVALID, CONFIG_UNSUPPORTED naming the key */
export function parseUpBlocks(reader: ConfigReader, channels: readonly number[]): readonly BlockLayers[] {
  const hasTransformers = reader.words('up_block_types', UP_BLOCKS, DEFAULT_UP);
  requireSameLength(reader, 'up_block_types', hasTransformers, channels);
  const layers = layersPerBlock(reader, channels).toReversed();
  const isAsymmetric = reader.value(UP_DEPTHS) !== undefined;
  const depths = isAsymmetric
    ? depthList(reader, UP_DEPTHS, channels)
    : transformerDepths(reader, channels).toReversed();
  const key = isAsymmetric ? UP_DEPTHS : DOWN_DEPTHS;
  return hasTransformers.map((has, block) => layersOf(reader, key, has ? depths[block]! : 0, layers[block]! + 1));
}

/** @throws MeshError CONFIG_INVALID, CONFIG_UNSUPPORTED naming the key */
export function parseMiddle(reader: ConfigReader, channels: readonly number[]): Middle {
  const depth = [transformerDepths(reader, channels).at(-1)!].flat()[0]!;
  if (reader.isNull('mid_block_type')) return { kind: 'none' };
  const type = reader.oneOf('mid_block_type', ['UNetMidBlock2DCrossAttn', 'UNetMidBlock2D'], 'UNetMidBlock2DCrossAttn');
  return type === 'UNetMidBlock2D' ? { kind: 'resnet' } : { kind: 'cross', depth };
}

const DOWN_DEPTHS = 'transformer_layers_per_block';
const UP_DEPTHS = 'reverse_transformer_layers_per_block';

function layersPerBlock(reader: ConfigReader, channels: readonly number[]): readonly number[] {
  const key = 'layers_per_block';
  const isList = Array.isArray(reader.value(key));
  const layers = isList ? reader.integers(key, LAYERS) : channels.map(() => reader.integer(key, LAYERS, 2));
  requireSameLength(reader, key, layers, channels);
  return layers;
}

function transformerDepths(reader: ConfigReader, channels: readonly number[]): readonly Depths[] {
  if (Array.isArray(reader.value(DOWN_DEPTHS))) return depthList(reader, DOWN_DEPTHS, channels);
  return channels.map(() => reader.integer(DOWN_DEPTHS, DEPTH, 1));
}

function depthList(reader: ConfigReader, key: string, channels: readonly number[]): readonly Depths[] {
  const list = reader.value(key);
  const isDepth = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= DEPTH.min && (value as number) <= DEPTH.max;
  const isDepths = (value: unknown): value is Depths =>
    isDepth(value) || (Array.isArray(value) && value.every(isDepth));
  if (!Array.isArray(list) || !list.every(isDepths)) {
    throw reader.invalid(key, `a list of integers from ${DEPTH.min} to ${DEPTH.max}, or of such lists`);
  }
  requireSameLength(reader, key, list, channels);
  return list;
}

/** One number for each layer. */
function layersOf(reader: ConfigReader, key: string, depths: Depths, layers: number): BlockLayers {
  if (typeof depths === 'number') return Array<number>(layers).fill(depths);
  if (depths.length === layers) return depths;
  throw reader.invalid(key, `${layers} numbers for a block of ${layers} layers`);
}
