/** Textual inversion: words that were learned, by the names of their files. Folders are read anew at each look; files once. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readEmbedding } from '#shared/checkpoint/embedding-file.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { Tensor } from '#shared/tensor/tensor.ts';

/** A word that prompts may have in them. */
export interface LearnedWord {
  readonly name: string;
  /** Counts the vectors of all words that were ever read: no two have the same number. */
  readonly firstVector: number;
  /** For each text encoder f32 [vectors, D]; empty for a file that cannot be used. */
  readonly vectors: readonly Tensor<'f32'>[];
  /** Why it cannot be used: told to whoever names it. */
  readonly problem?: MeshError;
}

const SUFFIX = '.safetensors';

/** See the head of this file. */
export class EmbeddingLibrary {
  readonly #folders: readonly string[];
  readonly #widths: readonly number[];
  /** By path, size and time. */
  #known = new Map<string, LearnedWord>();
  #words: readonly LearnedWord[] = [];
  #vectors = 0;

  /** widths  of the text encoders' embeddings, in their order: a file needs vectors for each */
  constructor(folders: readonly string[], widths: readonly number[]) {
    this.#folders = folders;
    this.#widths = widths;
  }

  /** The words that there are now; the same list while no file changes. Of equal names the first folder's. */
  async words(): Promise<readonly LearnedWord[]> {
    const files = (await Promise.all(this.#folders.map(filesIn))).flat();
    const isSame = files.length === this.#known.size && files.every(({ key }) => this.#known.has(key));
    if (isSame) return this.#words;
    const known = new Map<string, LearnedWord>();
    for (const { key, path } of files) known.set(key, this.#known.get(key) ?? (await this.#read(path)));
    const byName = new Map([...known.values()].toReversed().map((word) => [word.name, word]));
    this.#known = known;
    this.#words = [...byName.values()];
    return this.#words;
  }

  async #read(path: string): Promise<LearnedWord> {
    const name = basename(path, SUFFIX);
    const firstVector = this.#vectors;
    try {
      const file = await openSafetensors(path);
      const vectors = await Promise.all(this.#widths.map((width) => readEmbedding(file, width)));
      this.#vectors += vectors[0]!.shape[0]!;
      return { name, firstVector, vectors };
    } catch (thrown) {
      return { name, firstVector, vectors: [], problem: MeshError.from(thrown) };
    }
  }
}

interface Found {
  readonly path: string;
  readonly key: string;
}

/** A folder that is not there is empty, and what goes away meanwhile was not there. */
async function filesIn(folder: string): Promise<Found[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(SUFFIX)).sort();
  const found = names.map(async (name): Promise<Found[]> => {
    const path = join(folder, name);
    const state = await stat(path).catch(() => undefined);
    return state ? [{ path, key: `${path} ${state.size} ${state.mtimeMs}` }] : [];
  });
  return (await Promise.all(found)).flat();
}
