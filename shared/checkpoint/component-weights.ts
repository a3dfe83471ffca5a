/** The weights of one component, by canonical name: answers what a graph asks for and knows what nobody asked for. */
import { basename } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';
import { type Shape, sameShape, showShape } from '#shared/tensor/tensor.ts';
import type { Weight, WeightSource } from '#shared/tensor/weight.ts';
import { isFloat } from './float-values.ts';
import type { SafetensorsFile } from './safetensors.ts';
import { invalid, type TensorEntry } from './safetensors-header.ts';
import { canonicalName, isHarmlessExtra, mayBeConvolution } from './weight-names.ts';

/** Names and shapes of a network's weights: what a LoRA is checked against. */
export type WeightIndex = ReadonlyMap<string, Shape>;

interface Stored {
  readonly entry: TensorEntry;
  readonly path: string;
}

/** Names listed in a message; the rest is counted. */
const MAX_LISTED = 10;

/** See the head of this file. */
export class ComponentWeights implements WeightSource {
  readonly folder: string;
  readonly #shown: string;
  readonly #stored = new Map<string, Stored>();
  readonly #asked = new Set<string>();

  /**
   * shown   the component's folder, for messages
   * folder  absolute folder of the files themselves
   * @throws MeshError SAFETENSORS_INVALID when two files, or two spellings, give the same weight.
   */
  constructor(shown: string, folder: string, files: readonly SafetensorsFile[]) {
    this.folder = folder;
    this.#shown = shown;
    for (const file of files) for (const entry of file.tensors.values()) this.#add(file.path, entry);
  }

  #add(path: string, entry: TensorEntry): void {
    const name = canonicalName(entry.name);
    const other = this.#stored.get(name);
    if (other) throw invalid(path, `its ${entry.name} is also in ${other.path} as ${other.entry.name}`);
    this.#stored.set(name, { entry, path });
  }

  /** Shape of every weight by canonical name, as stored. */
  get index(): WeightIndex {
    return new Map([...this.#stored].map(([name, { entry }]) => [name, entry.shape]));
  }

  /** Every tensor as stored. */
  get entries(): TensorEntry[] {
    return [...this.#stored.values()].map(({ entry }) => entry);
  }

  has(name: string): boolean {
    return this.#stored.has(canonicalName(name));
  }

  get(name: string, shape: Shape): Weight {
    const canonical = canonicalName(name);
    const stored = this.#stored.get(canonical);
    if (!stored) throw this.#missing(canonical, shape);
    const { entry, path } = stored;
    if (!fits(canonical, entry.shape, shape)) throw wrongShape(canonical, shape, stored);
    const { dtype, offset, length } = entry;
    if (!isFloat(dtype)) throw invalid(path, `${entry.name} is ${dtype}, a network's weights are floats`);
    this.#asked.add(canonical);
    const turned = entry.isTransposed ? { isTransposed: true } : {};
    return { name: canonical, shape, dtype, location: { file: basename(path), offset, length }, ...turned };
  }

  /**
   * To be called when every graph of the component was built: a weight that none of them took means that the
   * configuration and the weights belong to different networks.
   * @throws MeshError WEIGHT_UNEXPECTED with the names.
   */
  assertAllUsed(): void {
    const extra = [...this.#stored.keys()].filter((name) => !this.#asked.has(name) && !isHarmlessExtra(name)).sort();
    if (extra.length === 0) return;
    const more = extra.length > MAX_LISTED ? ` and ${extra.length - MAX_LISTED} more` : '';
    throw new MeshError(
      'WEIGHT_UNEXPECTED',
      `${this.#shown} has weights that its config.json has no place for: ${extra.slice(0, MAX_LISTED).join(', ')}${more}. ` +
        'Are config.json and the weight file of the same model?',
      { folder: this.#shown, names: extra.slice(0, MAX_LISTED), count: extra.length },
    );
  }

  #missing(name: string, shape: Shape): MeshError {
    const near = nearestNames(name, [...this.#stored.keys()]);
    const hint = near.length > 0 ? ` Nearest: ${near.join(', ')}.` : '';
    return new MeshError('WEIGHT_MISSING', `${this.#shown} has no weight ${name} ${showShape(shape)}.${hint}`, {
      name,
      shape,
      folder: this.#shown,
      nearest: near,
    });
  }
}

function fits(name: string, stored: Shape, asked: Shape): boolean {
  return sameShape(stored, asked) || (mayBeConvolution(name) && sameShape(stored, [...asked, 1, 1]));
}

function wrongShape(name: string, expected: Shape, { entry, path }: Stored): MeshError {
  return new MeshError(
    'WRONG_SHAPE',
    `${path}: ${name} is ${showShape(entry.shape)}, config.json asks for ${showShape(expected)}.`,
    { name, expected, got: entry.shape, file: path },
  );
}
