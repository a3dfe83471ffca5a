/** The first stage of a generation: prompts become embeddings, once, or once for each of what they are edited to. */
import { tokensOf } from '#shared/checkpoint/pipeline.ts';
import type { Warning } from '#shared/contracts/generate.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import type { MeshCallOptions } from '#shared/placement/mesh-client.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import { negativePrompts, withZeroNegative } from './conditioning.ts';
import type { PromptSet } from './edited-prompts.ts';
import type { GenerationParts } from './generation-parts.ts';
import type { AdmittedJob } from './job.ts';
import { holdsLoras, lorasOf } from './passes.ts';

/** What the text encoder gives. */
export interface EncodedPrompts {
  /** `prompt_embeds`, `negative_prompt_embeds`; those of the k-th further set end in `_k`. */
  readonly tensors: TensorMap;
  readonly warnings: Warning[];
}

/** Chunks that prompts are filled up to. */
type MinChunks = Pick<textEncoder.EncodeRequest, 'min_chunks' | 'negative_min_chunks'>;
type Encode = (set: PromptSet, min?: MinChunks) => Promise<EncodedPrompts>;

/** @throws MeshError of the text encoder */
export async function encodePrompts(
  { mesh, pipeline }: GenerationParts,
  job: AdmittedJob,
  options: MeshCallOptions,
): Promise<EncodedPrompts> {
  const encode: Encode = async ({ prompts, negative_prompts }, min) => {
    const request = {
      prompts,
      negative_prompts: negativePrompts({ ...job, negative_prompts }, pipeline),
      clip_skip: job.clip_skip,
      prompt_syntax: job.prompt_syntax,
      ...min,
      loras: lorasOf(job),
    };
    const where = { ...options, ...holdsLoras('text_encoder', job) };
    const { body, tensors } = await mesh.call(textEncoder.encode, request, {}, where);
    return { tensors: withZeroNegative(tensors, job, pipeline), warnings: warningsOf(body.truncated, prompts.length) };
  };
  if (!job.edited) return encode(job);
  const sets = await encodeSets(job.edited.sets, encode, tokensOf(pipeline));
  return { tensors: Object.assign({}, ...sets.map(numbered)), warnings: [] };
}

/** All sets of one length: A1111 encodes what a prompt is edited to as one batch. */
async function encodeSets(sets: readonly PromptSet[], encode: Encode, chunkTokens: number): Promise<TensorMap[]> {
  const first: TensorMap[] = [];
  for (const set of sets) first.push((await encode(set)).tensors);
  const tokens = (tensors: TensorMap, name: string): number => tensors[name]?.shape[1] ?? chunkTokens;
  const most = (name: string): number => Math.max(...first.map((tensors) => tokens(tensors, name)));
  const [positive, negative] = [most('prompt_embeds'), most('negative_prompt_embeds')];
  const min = { min_chunks: positive / chunkTokens, negative_min_chunks: negative / chunkTokens };
  const isShort = (tensors: TensorMap): boolean =>
    tokens(tensors, 'prompt_embeds') < positive || tokens(tensors, 'negative_prompt_embeds') < negative;
  return Promise.all(
    first.map(async (tensors, i) => (isShort(tensors) ? (await encode(sets[i]!, min)).tensors : tensors)),
  );
}

/** The first set's names stay as they are. */
function numbered(tensors: TensorMap, index: number): TensorMap {
  if (index === 0) return tensors;
  return Object.fromEntries(Object.entries(tensors).map(([name, value]) => [`${name}_${index}`, value]));
}

function warningsOf(truncated: textEncoder.EncodeReply['truncated'], prompts: number): Warning[] {
  const warnings = truncated.map(({ field, index, text }) => {
    const path = prompts > 1 ? `${field}.${index}` : field;
    return { field: path, message: `${path} is longer than the text encoder's 77 tokens; it did not see: ${text}` };
  });
  // A batch of one prompt is cut once, and told once.
  return warnings.filter((one, i) => warnings.findIndex((other) => other.message === one.message) === i);
}
