/** The text encoder's turn: prompts become embeddings, with the job's LoRAs applied first. What was encoded is remembered. */
import { LRUCache } from 'lru-cache';
import type { ReplyOf, RequestOf } from '#shared/contracts/operation.ts';
import type * as contract from '#shared/contracts/text-encoder.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import { requireFinite } from '#shared/tensor/finite.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import type { Embedded } from './text-encoder.ts';
import { type EncodersLease, embeddedBytes, type PromptReading, type TextEncoders } from './text-encoders.ts';
import { joinBatch, stack } from './weighted-embedding.ts';

type EncodeRequest = RequestOf<typeof contract.encode>;
type EncodeReply = ReplyOf<typeof contract.encode>;
type Truncated = EncodeReply['truncated'][number];

/** Memory for remembered embeddings, bytes: 64 MiB are some 280 prompts of SD 1.5, some 100 of SDXL. */
const CACHE_BYTES = 64 * 2 ** 20;

/** What all prompts of a request share. */
interface Turn {
  readonly lease: EncodersLease;
  readonly signal: AbortSignal;
  /** Of the set of learned words. */
  readonly words: string;
  /** Until one has to be computed. */
  isCached: boolean;
}

/** See the head of this file. */
export class TextEncoderActor {
  readonly #encoders: TextEncoders;
  readonly #embeddings = new LRUCache<string, Embedded>({ maxSize: CACHE_BYTES, sizeCalculation: embeddedBytes });

  constructor(encoders: TextEncoders) {
    this.#encoders = encoders;
  }

  /** @throws MeshError UNSUPPORTED_OPTION when clip_skip leaves no layer */
  async encode(request: ServedRequest<EncodeRequest>, signal: AbortSignal): Promise<ServedReply<EncodeReply>> {
    this.#checkClipSkip(request.body.clip_skip);
    const options = { deadlineUnixMs: request.deadlineUnixMs, signal };
    const lease = await this.#encoders.acquire(request.body.loras, options);
    try {
      const words = await this.#encoders.learnWords();
      return await this.#encode(request.body, { lease, signal, words, isCached: true });
    } finally {
      lease.release();
    }
  }

  async #encode(request: EncodeRequest, turn: Turn): Promise<ServedReply<EncodeReply>> {
    const { prompts, negative_prompts, prompt_syntax: syntax, clip_skip: clipSkip } = request;
    const isPlain = syntax === 'plain';
    const positive = { syntax, clipSkip, minChunks: request.min_chunks };
    // Diffusers does not skip layers for the negative prompt, A1111 does.
    const negative = { syntax, clipSkip: isPlain ? 1 : clipSkip, minChunks: request.negative_min_chunks };
    const tensors = {
      ...(await this.#embedAll('', prompts, { turn, reading: positive })),
      ...(negative_prompts && (await this.#embedAll('negative_', negative_prompts, { turn, reading: negative }))),
    };
    const cut = [...this.#cut('prompt', prompts), ...this.#cut('negative_prompt', negative_prompts ?? [])];
    return { body: { truncated: isPlain ? cut : [], cached: turn.isCached }, tensors };
  }

  /** `<prefix>prompt_embeds` f32 [B, T, D] of several prompts, and `<prefix>pooled_prompt_embeds` f32 [B, P] where there are such. */
  async #embedAll(
    prefix: string,
    prompts: readonly string[],
    how: { readonly turn: Turn; readonly reading: PromptReading },
  ): Promise<TensorMap> {
    const all: Embedded[] = [];
    for (const prompt of prompts) all.push(await this.#embed(prompt, how));
    const pooled = all.map((one) => one.pooled).filter((one) => one !== undefined);
    return {
      [`${prefix}prompt_embeds`]: joinBatch(all.map((one) => one.embeds)),
      ...(pooled.length > 0 && { [`${prefix}pooled_prompt_embeds`]: stack(pooled) }),
    };
  }

  async #embed(
    prompt: string,
    { turn, reading }: { readonly turn: Turn; readonly reading: PromptReading },
  ): Promise<Embedded> {
    const { clipSkip, syntax, minChunks } = reading;
    const name = `${turn.lease.key} ${turn.words} ${clipSkip} ${syntax} ${minChunks} ${prompt}`;
    const known = this.#embeddings.get(name);
    if (known) return known;
    turn.isCached = false;
    const embedded = await this.#encoders.encode(prompt, reading, turn.lease, turn.signal);
    requireFinite(embedded.embeds.data, 'The embeddings of the prompt', 'text encoder');
    this.#embeddings.set(name, embedded);
    return embedded;
  }

  #checkClipSkip(clipSkip: number): void {
    const { maxClipSkip } = this.#encoders;
    if (clipSkip <= maxClipSkip) return;
    const text = `clip_skip ${clipSkip} leaves none of the text encoder's ${maxClipSkip} layers.`;
    throw new MeshError('UNSUPPORTED_OPTION', text, { path: 'clip_skip', max: maxClipSkip });
  }

  #cut(field: Truncated['field'], prompts: readonly string[]): Truncated[] {
    return prompts
      .map((prompt, index) => ({ field, index, text: this.#encoders.truncatedText(prompt) }))
      .filter((cut) => cut.text !== '');
  }
}
