/** Wires the text encoder: tokenizer and CLIP on one device. */
import { Actor } from '#shared/actor/actor.ts';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/text-encoder.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { TextEncoder } from './text-encoder.ts';
import { TextEncoderActor } from './text-encoder-actor.ts';
import { loadTokenizer } from './tokenizer-files.ts';

await runService('text-encoder', async ({ config, mesh }) => {
  const pipeline = await openPipeline(config.modelFolder);
  const tokenizer = await loadTokenizer(pipeline.folders.tokenizer, pipeline.textEncoder);
  const device = await openDevice(config);
  const encoder = await TextEncoder.load(device, pipeline.folders.textEncoder, pipeline.textEncoder);
  await encoder.warmUp();
  const loras = new LoraWeights({ mesh, part: 'text_encoder', base: encoder.base, maxBytes: config.patchCacheBytes });
  const textEncoder = new TextEncoderActor({ encoder, tokenizer, loras });
  const actor = new Actor({});
  const encode = actor.on(async (state, request: Parameters<TextEncoderActor['encode']>[0], signal) => ({
    state,
    reply: await textEncoder.encode(request, signal),
  }));
  return {
    operations: [served(contract.encode, encode)],
    actor,
    describe: () => ({ device: device.name, model: pipeline.name, holds: loras.resident, ...loras.memory }),
    close: () => device.close(),
  };
});
