/**
 * LoRA files against one base model: what a name means, whether it fits, and its factors. Plans are kept while their file
 * stays as it is, factors by their file's content.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline as pipe } from 'node:stream/promises';
import { LRUCache } from 'lru-cache';
import { unreadable } from '#shared/checkpoint/file-error.ts';
import type { Library } from '#shared/checkpoint/library.ts';
import { joinFactors, type LoraFactors, readFactors } from '#shared/checkpoint/lora-factors.ts';
import { type LoraPlan, planLora } from '#shared/checkpoint/lora-file.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import type { LoraPart, PinnedLora } from '#shared/contracts/lora.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import { FactorCache } from './factor-cache.ts';

/** A LoRA that fits the base model. */
export interface KnownLora {
  readonly name: string;
  readonly path: string;
  readonly plan: LoraPlan;
  /** First ten hex digits of the file's SHA-256, as A1111 shows it. */
  readonly hash: string;
  readonly bytes: number;
}

/** Hex digits of the hash that A1111 shows: what LoRAs are pinned by. */
const HASH_DIGITS = 10;
const PARTS = ['text_encoder', 'text_encoder_2', 'unet'] as const satisfies readonly LoraPart[];

/** Hashes in a heartbeat: a small LoRA is 100 KB, and thousands may be in memory. */
const MAX_TOLD = 256;

/** LoRAs that wait to be read ahead: of a longer queue of jobs the first would have been pushed out before it is used. */
const MAX_PREFETCHES = 16;
/** LoRAs that are read ahead side by side: some hundred MB each, from storage that may be far. */
const READS_AHEAD_AT_ONCE = 4;

/** A plan is a few hundred KB for a large LoRA. */
const MAX_PLANS = 256;

/** What a library remembers, and what it waits for. */
export interface LoraLibraryOptions {
  /** Memory for factors. */
  readonly maxFactorBytes: number;
  /** Beside simulated devices: what reading the imitated file takes longer than reading this one. */
  readonly afterRead?: (name: string) => Promise<void>;
}

/** See the head of this file. */
export class LoraLibrary {
  readonly #library: Library;
  readonly #base: LoraBase;
  readonly #known = new LRUCache<string, Promise<KnownLora>>({ max: MAX_PLANS });
  readonly #factors: FactorCache;
  readonly #afterRead: ((name: string) => Promise<void>) | undefined;
  /** To be read ahead, in this order. */
  readonly #ahead: PinnedLora[] = [];
  #readingAhead = 0;

  constructor(library: Library, base: LoraBase, options: LoraLibraryOptions) {
    this.#library = library;
    this.#base = base;
    this.#factors = new FactorCache(options.maxFactorBytes);
    this.#afterRead = options.afterRead;
  }

  /** Hashes of LoRAs whose factors are in memory, the ones used last, for heartbeats. */
  get resident(): string[] {
    return [...new Set(this.#factors.keys.map((key) => key.split(' ')[0]!))].slice(0, MAX_TOLD);
  }

  /** Bytes of factors in memory. */
  get residentBytes(): number {
    return this.#factors.bytes;
  }

  async names(): Promise<string[]> {
    const entries = await this.#library.reading(() => this.#library.listLoras());
    return entries.map((entry) => entry.name);
  }

  /**
   * A LoRA by its name, and by its content where it is pinned.
   * @throws MeshError UNKNOWN_LORA, LORA_CHANGED, INVALID_REQUEST, FILE_UNREADABLE, SAFETENSORS_INVALID, LORA_* with file and reason
   */
  async find({ lora, hash }: Pick<PinnedLora, 'lora' | 'hash'>): Promise<KnownLora> {
    const found = await this.#library.reading(() => this.#find(lora));
    if (hash === undefined || hash === found.hash) return found;
    throw changed(lora, hash, found.hash);
  }

  /**
   * Joined factors of several LoRAs for one network.
   * @returns `<weight>.up` f32 [O, R], `<weight>.down` f32 [R, I·K·K]
   * @throws MeshError as `find`
   */
  async factors(loras: readonly PinnedLora[], part: LoraPart): Promise<TensorMap> {
    const factors = await Promise.all(loras.map((unit) => this.#factorsOf(unit, part)));
    return joinFactors(factors.map((one, i) => ({ factors: one, scale: loras[i]!.weight })));
  }

  /** Reads factors that will be asked for. Failures are left to whoever asks. */
  prefetch(loras: readonly PinnedLora[]): void {
    for (const unit of loras) {
      if (this.#ahead.length >= MAX_PREFETCHES) return;
      this.#ahead.push(unit);
      if (this.#readingAhead < READS_AHEAD_AT_ONCE) void this.#readAhead(); // never rejects
    }
  }

  /** One of those who take from the same line until it is empty. */
  async #readAhead(): Promise<void> {
    this.#readingAhead++;
    for (let unit = this.#ahead.shift(); unit; unit = this.#ahead.shift()) await this.#prefetch(unit).catch(() => {});
    this.#readingAhead--;
  }

  async #prefetch(unit: PinnedLora): Promise<void> {
    for (const part of PARTS) if (this.#base[part]) await this.#factorsOf(unit, part);
  }

  async #factorsOf(unit: PinnedLora, part: LoraPart): Promise<LoraFactors> {
    const { plan, hash } = await this.find(unit);
    return this.#factors.get(`${hash} ${part}`, async () => {
      const factors = await this.#library.reading(() => readFactors(plan, part));
      if (hasPart(plan, part)) await this.#afterRead?.(unit.lora);
      await this.find({ lora: unit.lora, hash }); // what was replaced while it was read is neither the one nor the other
      return factors;
    });
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
    return { name, path, plan, hash: hash.digest('hex').slice(0, HASH_DIGITS), bytes };
  }
}

function hasPart({ modules }: LoraPlan, part: LoraPart): boolean {
  return modules.some((module) => module.part === part);
}

function changed(lora: string, accepted: string, present: string): MeshError {
  const text = `The LoRA ${JSON.stringify(lora)} is another file than when the job was accepted: send the job again.`;
  return new MeshError('LORA_CHANGED', text, { lora, accepted, present });
}
