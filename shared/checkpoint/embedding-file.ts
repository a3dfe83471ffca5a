/**
 * Textual inversion: a word that was learned, as one vector or several for each text encoder. Files of A1111 (`emb_params`), of kohya and
 * ComfyUI (`clip_l`, `clip_g`), and of diffusers (the word itself, `<cat-toy>`).
 */
import { MeshError } from '#shared/errors/errors.ts';
import { areFinite } from '#shared/tensor/finite.ts';
import { f32, showShape, type Tensor } from '#shared/tensor/tensor.ts';
import { isFloat, toF32 } from './float-values.ts';
import { readTensor, type SafetensorsFile } from './safetensors.ts';
import type { TensorEntry } from './safetensors-header.ts';

/** The vectors of one text encoder, by the width that it has. */
export interface EmbeddingTensor {
  /** Name in the file. */
  readonly key: string;
  readonly vectors: number;
  readonly width: number;
}

/** More vectors than a prompt has places for. */
const MAX_VECTORS = 75;
const NAMES = new Set(['emb_params', 'clip_l', 'clip_g', 'string_to_param', '*']);
/** Widths of CLIP-L, OpenCLIP-H and OpenCLIP-G, and what has them. */
const BASE_BY_WIDTHS: Readonly<Record<string, string>> = {
  768: 'Stable Diffusion 1.x',
  1024: 'Stable Diffusion 2.x',
  '768,1280': 'Stable Diffusion XL',
  1280: 'Stable Diffusion XL',
};

/** Whether the tensors of a file can be such vectors: few, and all of them of a known name or alone. */
export function isEmbedding({ tensors }: SafetensorsFile): boolean {
  const entries = [...tensors.values()];
  const isVectors = entries.every(({ shape, dtype }) => shape.length <= 2 && isFloat(dtype));
  if (entries.length === 0 || !isVectors) return false;
  if (entries.every(({ name }) => NAMES.has(name))) return true;
  return entries.length === 1 && !entries[0]!.name.includes('.');
}

/**
 * The vectors that a file holds, by its header.
 * @throws MeshError EMBEDDING_INVALID when it holds none, or too many
 */
export function embeddingTensors(file: SafetensorsFile): EmbeddingTensor[] {
  if (!isEmbedding(file)) {
    throw invalid(
      file.path,
      `it has no vectors of a known name (${[...NAMES].slice(0, 3).join(', ')}, or one of any name)`,
    );
  }
  return [...file.tensors.values()].map((entry) => tensorOf(file.path, entry));
}

/** The base model that the widths tell, if they do. */
export function embeddingBase(tensors: readonly EmbeddingTensor[]): string | undefined {
  const widths = tensors.map(({ width }) => width).sort((a, b) => a - b);
  return BASE_BY_WIDTHS[widths.join()];
}

/**
 * Reads the vectors for a text encoder of this width.
 *
 * returns  f32 [vectors, width]
 * @throws MeshError EMBEDDING_INVALID when they are not finite; EMBEDDING_MISMATCH when there are none of this width
 */
export async function readEmbedding(file: SafetensorsFile, width: number): Promise<Tensor<'f32'>> {
  const tensors = embeddingTensors(file);
  const found = tensors.find((one) => one.width === width);
  if (!found) {
    const base = embeddingBase(tensors);
    const made = tensors.map((one) => one.width).join(' and ');
    const text = `${file.path} was made for ${base ?? 'another text encoder'}: its vectors are ${made} wide, this model's ${width}.`;
    throw new MeshError('EMBEDDING_MISMATCH', text, {
      file: file.path,
      widths: tensors.map((one) => one.width),
      width,
    });
  }
  const values = toF32(await readTensor(file, found.key))!;
  if (!areFinite(values)) throw invalid(file.path, `${found.key} holds NaN or infinity`);
  return f32([found.vectors, width], values);
}

function tensorOf(path: string, { name, shape }: TensorEntry): EmbeddingTensor {
  const [vectors, width] = shape.length === 1 ? [1, shape[0]!] : (shape as [number, number]);
  if (width > 0 && vectors > 0 && vectors <= MAX_VECTORS) return { key: name, vectors, width };
  throw invalid(path, `${name} is ${showShape(shape)}, 1 to ${MAX_VECTORS} vectors are possible`);
}

function invalid(path: string, problem: string): MeshError {
  return new MeshError('EMBEDDING_INVALID', `${path} is no textual inversion: ${problem}.`, { file: path });
}
