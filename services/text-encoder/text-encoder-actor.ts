/** The text encoder's turn: prompts become embeddings, with the job's LoRAs applied first. What was encoded is remembered. */
import { LRUCache } from 'lru-cache';
import type { LoraLease, LoraWeights } from '#shared/adapters/lora-weights.ts';
import type { ReplyOf, RequestOf } from '#shared/contracts/operation.ts';
import type * as contract from '#shared/contracts/text-encoder.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import { requireFinite } from '#shared/tensor/finite.ts';
import { f32, sizeBytes, type Tensor } from '#shared/tensor/tensor.ts';
import type { TextEncoder } from './text-encoder.ts';
import type { Tokenizer } from './tokenizer.ts';

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

/** One prompt on its way through the encoder. */
interface Wanted {
  readonly prompt: string;
  readonly layers: number;
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
      return await this.#encode(request.body, { lease, layers, signal });
    } finally {
      lease.release();
    }
  }

  async #encode(
    { prompts, negative_prompts }: EncodeRequest,
    { lease, layers, signal }: { lease: LoraLease; layers: number; signal: AbortSignal },
  ): Promise<ServedReply<EncodeReply>> {
    let isCached = true;
    const embed = async ({ prompt, layers: count }: Wanted): Promise<Tensor<'f32'>> => {
      const name = `${lease.key} ${count} ${prompt}`;
      const known = this.#embeddings.get(name);
      if (known) return known;
      isCached = false;
      const { ids } = this.#parts.tokenizer.encode(prompt);
      const embedding = await this.#parts.encoder.encode(ids, count, lease.weights, signal);
      requireFinite(embedding.data, 'The embeddings of the prompt', 'text encoder');
      this.#embeddings.set(name, embedding);
      return embedding;
    };
    const prompt_embeds = await embedAll(prompts, layers, embed);
    // Diffusers does not skip layers for the negative prompt.
    const negative = negative_prompts && (await embedAll(negative_prompts, this.#parts.encoder.layers, embed));
    const truncated = [...this.#cut('prompt', prompts), ...this.#cut('negative_prompt', negative_prompts ?? [])];
    const tensors = { prompt_embeds, ...(negative && { negative_prompt_embeds: negative }) };
    return { body: { truncated, cached: isCached }, tensors };
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

/** Embeddings of several prompts as one tensor, f32 [B, T, D]. */
async function embedAll(
  prompts: readonly string[],
  layers: number,
  embed: (wanted: Wanted) => Promise<Tensor<'f32'>>,
): Promise<Tensor<'f32'>> {
  const parts: Tensor<'f32'>[] = [];
  for (const prompt of prompts) parts.push(await embed({ prompt, layers }));
  const { shape, data } = parts[0]!;
  const all = new Float32Array(data.length * parts.length);
  parts.forEach((part, i) => {
    all.set(part.data, i * data.length);
  });
  return f32([parts.length, ...shape.slice(1)], all);
}
