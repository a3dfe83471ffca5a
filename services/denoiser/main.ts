/** Wires the denoiser: one UNet on one device. */
import { Actor } from '#shared/actor/actor.ts';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/denoiser.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { denoise } from './denoiser-actor.ts';
import { publishProgress } from './progress.ts';
import { Unet } from './unet.ts';

await runService('denoiser', async ({ config, transport, mesh }) => {
  const pipeline = await openPipeline(config.modelFolder);
  const device = await openDevice(config);
  const unet = await Unet.load(device, pipeline.folders.unet, pipeline.unet);
  // What most jobs ask for: the model's own size, with guidance.
  const { sampleSize } = pipeline.unet;
  await unet.warmUp({ batch: 2, height: sampleSize, width: sampleSize, tokens: pipeline.textEncoder.maxPositions });
  const loras = new LoraWeights({ mesh, part: 'unet', base: unet.base, maxBytes: config.patchCacheBytes });
  const actor = new Actor({});
  const turn = denoise({
    unet,
    loras,
    mesh,
    scheduler: pipeline.scheduler,
    latentChannels: pipeline.unet.inChannels,
    progress: publishProgress(transport),
  });
  const offer = actor.on(async (state, request: Parameters<typeof turn>[0], signal) => ({
    state,
    reply: await turn(request, signal),
  }));
  return {
    operations: [served(contract.denoise, offer)],
    actor,
    describe: () => ({ device: device.name, model: pipeline.name, holds: loras.resident }),
    close: () => device.close(),
  };
});
