/** LoRA files against one base model: what a name means, whether it fits, and its factors. Plans are kept while their file stays as it is. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline as pipe } from 'node:stream/promises';
import { LRUCache } from 'lru-cache';
import { unreadable } from '#shared/checkpoint/file-error.ts';
import type { Library } from '#shared/checkpoint/library.ts';
import { readFactors } from '#shared/checkpoint/lora-factors.ts';
import { type LoraPlan, planLora } from '#shared/checkpoint/lora-file.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import type { LoraUnit } from '#shared/contracts/generate.ts';
import type { LoraPart } from '#shared/contracts/lora.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';

/** A LoRA that fits the base model. */
export interface KnownLora {
  readonly name: string;
  readonly path: string;
  readonly plan: LoraPlan;
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** A plan is a few hundred KB for a large LoRA; its factors are read when asked for. */
const MAX_PLANS = 256;

/** See the head of this file. */
export class LoraLibrary {
  readonly #library: Library;
  readonly #base: LoraBase;
  readonly #known = new LRUCache<string, Promise<KnownLora>>({ max: MAX_PLANS });

  constructor(library: Library, base: LoraBase) {
    this.#library = library;
    this.#base = base;
  }

  async names(): Promise<string[]> {
    const entries = await this.#library.reading(() => this.#library.listLoras());
    return entries.map((entry) => entry.name);
  }

  /** @throws MeshError UNKNOWN_LORA, INVALID_REQUEST, FILE_UNREADABLE, SAFETENSORS_INVALID, LORA_* with file and reason */
  find(name: string): Promise<KnownLora> {
    return this.#library.reading(() => this.#find(name));
  }

  /**
   * Joined factors of several LoRAs for one network.
   * @returns `<weight>.up` f32 [O, R], `<weight>.down` f32 [R, I·K·K]
   */
  async factors(loras: readonly LoraUnit[], part: LoraPart): Promise<TensorMap> {
    const found = await Promise.all(loras.map((unit) => this.find(unit.lora)));
    const scaled = found.map(({ plan }, i) => ({ plan, scale: loras[i]!.weight }));
    return this.#library.reading(() => readFactors(scaled, part));
  }

  async #find(name: string): Promise<KnownLora> {
    const entry = await this.#library.findLora(name);
    const state = await stat(entry.path).catch((cause) => {
      throw unreadable(entry.path, cause);
    });
    const key = `${entry.path} ${state.size} ${state.mtimeMs}`;
    const known = this.#known.get(key);
    if (known) return known;
    const opening = this.#open(entry.name, entry.path, state.size);
    this.#known.set(key, opening);
    opening.catch(() => this.#known.delete(key)); // a failure is not remembered: the file may be mended
    return opening;
  }

  async #open(name: string, path: string, bytes: number): Promise<KnownLora> {
    const plan = await planLora(await openSafetensors(path), this.#base);
    const hash = createHash('sha256');
    await pipe(createReadStream(path), hash);
    return { name, path, plan, sha256: hash.digest('hex'), bytes };
  }
}
