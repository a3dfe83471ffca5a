/** Wires the text encoder: CLIP with its tokenizer, twice in SDXL, on one device. */
import { join } from 'node:path';
import { Actor } from '#shared/actor/actor.ts';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline, type TextEncoderPart } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/text-encoder.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { EmbeddingLibrary } from './embedding-library.ts';
import { LearnedTokens } from './learned-tokens.ts';
import { TextEncoder } from './text-encoder.ts';
import { TextEncoderActor } from './text-encoder-actor.ts';
import { type EncoderParts, TextEncoders } from './text-encoders.ts';
import { loadTokenizer } from './tokenizer-files.ts';

await runService('text-encoder', async ({ config, mesh }) => {
  const pipeline = await openPipeline(config.modelFolder);
  const device = await openDevice(config);
  const maxBytes = config.patchCacheBytes / pipeline.textEncoders.length;
  const folders = [join(pipeline.folder, 'embeddings'), ...config.embeddingFolders];
  const library = new EmbeddingLibrary(
    folders,
    pipeline.textEncoders.map((one) => one.config.hiddenSize),
  );
  const load = async (one: TextEncoderPart, index: number): Promise<EncoderParts> => {
    const plain = await loadTokenizer(one.tokenizerFolder, one.config);
    const words = new LearnedTokens(plain, { index, vocabSize: one.config.vocabSize });
    const encoder = await TextEncoder.load(device, one, pipeline.family);
    await encoder.warmUp();
    const loras = new LoraWeights({ mesh, part: one.part, base: encoder.base, maxBytes });
    return { tokenizer: words.tokenizer, words, encoder, loras };
  };
  const parts: EncoderParts[] = [];
  for (const [index, one] of pipeline.textEncoders.entries()) parts.push(await load(one, index));
  const encoders = new TextEncoders(parts, library);
  const textEncoder = new TextEncoderActor(encoders);
  const actor = new Actor({});
  const encode = actor.on(async (state, request: Parameters<TextEncoderActor['encode']>[0], signal) => ({
    state,
    reply: await textEncoder.encode(request, signal),
  }));
  return {
    operations: [served(contract.encode, encode)],
    actor,
    describe: () => ({ device: device.name, model: pipeline.name, holds: encoders.resident, ...encoders.memory }),
    close: () => device.close(),
  };
});
