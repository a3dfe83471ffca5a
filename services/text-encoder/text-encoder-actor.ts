/** The text encoder's turn: prompts become embeddings, with the job's LoRAs applied first. What was encoded is remembered. */
import { LRUCache } from 'lru-cache';
import type { LoraLease, LoraWeights } from '#shared/adapters/lora-weights.ts';
import type { ReplyOf, RequestOf } from '#shared/contracts/operation.ts';
import type * as contract from '#shared/contracts/text-encoder.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import { requireFinite } from '#shared/tensor/finite.ts';
import { sizeBytes, type Tensor } from '#shared/tensor/tensor.ts';
import { type Chunk, chunksOf, plainChunk } from './chunks.ts';
import type { TextEncoder } from './text-encoder.ts';
import type { Tokenizer } from './tokenizer.ts';
import { embedChunks, joinBatch } from './weighted-embedding.ts';

type EncodeRequest = RequestOf<typeof contract.encode>;
type EncodeReply = ReplyOf<typeof contract.encode>;
type Truncated = EncodeReply['truncated'][number];

/** Memory for remembered embeddings, bytes: 64 MiB are some 280 prompts of SD 1.5. */
const CACHE_BYTES = 64 * 2 ** 20;

/** What a text encoder is made of. */
export interface TextEncoderParts {
  readonly encoder: TextEncoder;
  readonly tokenizer: Tokenizer;
  readonly loras: LoraWeights;
}

/** What all prompts of a request share. */
interface Turn {
  readonly lease: LoraLease;
  readonly layers: number;
  readonly signal: AbortSignal;
  /** Until one has to be computed. */
  isCached: boolean;
}

/** How one prompt is embedded. */
interface HowToEmbed {
  readonly turn: Turn;
  readonly layers: number;
  readonly syntax: EncodeRequest['prompt_syntax'];
  readonly minChunks: number;
}

/** See the head of this file. */
export class TextEncoderActor {
  readonly #parts: TextEncoderParts;
  readonly #embeddings = new LRUCache<string, Tensor<'f32'>>({ maxSize: CACHE_BYTES, sizeCalculation: sizeBytes });

  constructor(parts: TextEncoderParts) {
    this.#parts = parts;
  }

  /** @throws MeshError UNSUPPORTED_OPTION when clip_skip leaves no layer */
  async encode(request: ServedRequest<EncodeRequest>, signal: AbortSignal): Promise<ServedReply<EncodeReply>> {
    const layers = this.#layersFor(request.body.clip_skip);
    const options = { deadlineUnixMs: request.deadlineUnixMs, signal };
    const lease = await this.#parts.loras.acquire(request.body.loras, options);
    try {
      return await this.#encode(request.body, { lease, layers, signal, isCached: true });
    } finally {
      lease.release();
    }
  }

  async #encode(request: EncodeRequest, turn: Turn): Promise<ServedReply<EncodeReply>> {
    const { prompts, negative_prompts, prompt_syntax: syntax, min_chunks, negative_min_chunks } = request;
    const isPlain = syntax === 'plain';
    // Diffusers does not skip layers for the negative prompt, A1111 does.
    const negativeLayers = isPlain ? this.#parts.encoder.layers : turn.layers;
    const prompt_embeds = await this.#embedAll(prompts, { turn, layers: turn.layers, syntax, minChunks: min_chunks });
    const negative =
      negative_prompts &&
      (await this.#embedAll(negative_prompts, {
        turn,
        layers: negativeLayers,
        syntax,
        minChunks: negative_min_chunks,
      }));
    const cut = [...this.#cut('prompt', prompts), ...this.#cut('negative_prompt', negative_prompts ?? [])];
    const tensors = { prompt_embeds, ...(negative && { negative_prompt_embeds: negative }) };
    return { body: { truncated: isPlain ? cut : [], cached: turn.isCached }, tensors };
  }

  /** Embeddings of several prompts as one tensor, f32 [B, T, D]. */
  async #embedAll(prompts: readonly string[], how: HowToEmbed): Promise<Tensor<'f32'>> {
    const parts: Tensor<'f32'>[] = [];
    for (const prompt of prompts) parts.push(await this.#embed(prompt, how));
    return joinBatch(parts);
  }

  async #embed(prompt: string, how: HowToEmbed): Promise<Tensor<'f32'>> {
    const { layers, syntax, minChunks, turn } = how;
    const { lease, signal } = turn;
    const name = `${lease.key} ${layers} ${syntax} ${minChunks} ${prompt}`;
    const known = this.#embeddings.get(name);
    if (known) return known;
    turn.isCached = false;
    const run = (ids: Int32Array): Promise<Tensor<'f32'>> =>
      this.#parts.encoder.encode(ids, layers, lease.weights, signal);
    const embedding = await embedChunks(this.#chunks(prompt, how), run);
    requireFinite(embedding.data, 'The embeddings of the prompt', 'text encoder');
    this.#embeddings.set(name, embedding);
    return embedding;
  }

  #chunks(prompt: string, { syntax, minChunks }: HowToEmbed): Chunk[] {
    const { tokenizer } = this.#parts;
    if (syntax === 'plain') return [plainChunk(tokenizer.encode(prompt).ids)];
    const chunks = chunksOf(prompt, tokenizer);
    while (chunks.length < minChunks) chunks.push(plainChunk(tokenizer.frame([])));
    return chunks;
  }

  #layersFor(clipSkip: number): number {
    const { layers } = this.#parts.encoder;
    if (clipSkip <= layers) return layers - (clipSkip - 1);
    throw new MeshError(
      'UNSUPPORTED_OPTION',
      `clip_skip ${clipSkip} leaves none of the text encoder's ${layers} layers.`,
      {
        path: 'clip_skip',
        max: layers,
      },
    );
  }

  #cut(field: Truncated['field'], prompts: readonly string[]): Truncated[] {
    return prompts
      .map((prompt, index) => ({ field, index, text: this.#parts.tokenizer.encode(prompt).truncatedText }))
      .filter((cut) => cut.text !== '');
  }
}
