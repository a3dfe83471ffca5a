/** The text encoders of a checkpoint side by side: each reads the prompt with its own tokenizer and LoRAs, and what they say is joined. */
import type { LoraLease, LoraWeights } from '#shared/adapters/lora-weights.ts';
import type { PinnedLora } from '#shared/contracts/lora.ts';
import type { EncodeRequest } from '#shared/contracts/text-encoder.ts';
import type { MeshCallOptions } from '#shared/placement/mesh-client.ts';
import type { WeightSet } from '#shared/session/device.ts';
import { f32, sizeBytes, type Tensor } from '#shared/tensor/tensor.ts';
import { type Chunk, chunksOf, plainChunk } from './chunks.ts';
import type { EmbeddingLibrary } from './embedding-library.ts';
import type { LearnedTokens } from './learned-tokens.ts';
import type { Embedded, TextEncoder } from './text-encoder.ts';
import type { Tokenizer } from './tokenizer.ts';
import { embedChunks } from './weighted-embedding.ts';

/** One encoder and what goes with it. */
export interface EncoderParts {
  readonly encoder: TextEncoder;
  readonly tokenizer: Tokenizer;
  readonly loras: LoraWeights;
  /** Where prompts may have learned words; its tokenizer is the one above. */
  readonly words?: LearnedTokens;
}

/** How a prompt is read. */
export interface PromptReading {
  /** As A1111 counts. */
  readonly clipSkip: number;
  readonly syntax: EncodeRequest['prompt_syntax'];
  /** Chunks that it is filled up to; with A1111's syntax alone. */
  readonly minChunks: number;
}

/** Weights in use, one set for each encoder. `key` is equal for equal LoRAs. */
export interface EncodersLease {
  readonly key: string;
  readonly weights: readonly WeightSet[];
  release(): void;
}

/** See the head of this file. */
export class TextEncoders {
  readonly #parts: readonly EncoderParts[];
  readonly #library: EmbeddingLibrary | undefined;

  /** parts  at least one; the pooled embedding is the last one's */
  constructor(parts: readonly EncoderParts[], library?: EmbeddingLibrary) {
    this.#parts = parts;
    this.#library = library;
  }

  /** Looks which learned words there are. Returns what names their set: another one when a file has changed. */
  async learnWords(): Promise<string> {
    const words = (await this.#library?.words()) ?? [];
    for (const { words: tokens } of this.#parts) tokens?.learn(words);
    return words.map(({ firstVector }) => firstVector).join();
  }

  /** As A1111 counts; what the shortest encoder allows. */
  get maxClipSkip(): number {
    return Math.min(...this.#parts.map(({ encoder }) => encoder.maxClipSkip));
  }

  /** Keys of resident LoRA sets, for heartbeats. */
  get resident(): string[] {
    return [...new Set(this.#parts.flatMap(({ loras }) => loras.resident))];
  }

  /** Memory of patched sets and its budget, for heartbeats. */
  get memory(): { readonly resident_bytes: number; readonly budget_bytes: number } {
    const sum = (key: 'resident_bytes' | 'budget_bytes'): number =>
      this.#parts.reduce((total, { loras }) => total + loras.memory[key], 0);
    return { resident_bytes: sum('resident_bytes'), budget_bytes: sum('budget_bytes') };
  }

  /** @throws MeshError as `LoraWeights.acquire` */
  async acquire(loras: readonly PinnedLora[], options: MeshCallOptions): Promise<EncodersLease> {
    const leases: LoraLease[] = [];
    const release = (): void => {
      for (const lease of leases) lease.release();
    };
    try {
      for (const part of this.#parts) leases.push(await part.loras.acquire(loras, options));
    } catch (thrown) {
      release();
      throw thrown;
    }
    return { key: leases.map(({ key }) => key).join(' '), weights: leases.map(({ weights }) => weights), release };
  }

  /**
   * Embeddings of one prompt: f32 [1, T, ΣD]; pooled f32 [1, P] of the last encoder where it has that, of the first chunk as in
   * A1111.
   * @throws MeshError INVALID_REQUEST for a prompt of too many chunks
   */
  async encode(prompt: string, reading: PromptReading, lease: EncodersLease, signal: AbortSignal): Promise<Embedded> {
    const all: Embedded[] = [];
    for (const [i, { encoder, tokenizer, words }] of this.#parts.entries()) {
      const run = (ids: Int32Array): Promise<Embedded> =>
        encoder.encode(words?.read(ids) ?? ids, reading.clipSkip, lease.weights[i]!, signal);
      all.push(await embedInChunks(readChunks(prompt, tokenizer, reading), run));
    }
    const embeds = joinWidths(all.map((one) => one.embeds));
    const { pooled } = all.at(-1)!;
    return pooled ? { embeds, pooled } : { embeds };
  }

  /** What of a prompt no encoder sees all of; empty when all do. */
  truncatedText(prompt: string): string {
    const texts = this.#parts.map(({ tokenizer }) => tokenizer.encode(prompt).truncatedText);
    return texts.reduce((longest, text) => (text.length > longest.length ? text : longest), '');
  }
}

function readChunks(prompt: string, tokenizer: Tokenizer, { syntax, minChunks }: PromptReading): Chunk[] {
  if (syntax === 'plain') return [plainChunk(tokenizer.encode(prompt).ids)];
  const chunks = chunksOf(prompt, tokenizer);
  while (chunks.length < minChunks) chunks.push(plainChunk(tokenizer.frame([])));
  return chunks;
}

async function embedInChunks(chunks: readonly Chunk[], run: (ids: Int32Array) => Promise<Embedded>): Promise<Embedded> {
  let pooled: Tensor<'f32'> | undefined;
  const embeds = await embedChunks(chunks, async (ids) => {
    const one = await run(ids);
    pooled ??= one.pooled;
    return one.embeds;
  });
  return pooled ? { embeds, pooled } : { embeds };
}

/** Bytes of a prompt's embeddings. */
export function embeddedBytes({ embeds, pooled }: Embedded): number {
  return sizeBytes(embeds) + (pooled ? sizeBytes(pooled) : 0);
}

/** f32 [1, T, D₁], f32 [1, T, D₂] → f32 [1, T, D₁ + D₂] */
function joinWidths(parts: readonly Tensor<'f32'>[]): Tensor<'f32'> {
  if (parts.length === 1) return parts[0]!;
  const tokens = parts[0]!.shape[1]!;
  const widths = parts.map(({ shape }) => shape[2]!);
  const total = widths.reduce((sum, width) => sum + width, 0);
  const joined = f32([1, tokens, total]);
  let column = 0;
  for (const [i, { data }] of parts.entries()) {
    const width = widths[i]!;
    for (let token = 0; token < tokens; token++) {
      joined.data.set(data.subarray(token * width, (token + 1) * width), token * total + column);
    }
    column += width;
  }
  return joined;
}
