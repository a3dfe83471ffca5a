/** Wires the denoiser: one UNet on one device. */
import { Actor } from '#shared/actor/actor.ts';
import { RecentTimes, timed } from '#shared/actor/turn-times.ts';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/denoiser.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { denoise, type Work } from './denoiser-actor.ts';
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
  const turns = new RecentTimes();
  const inTurn = actor.on(timed(turns, async (state, work: Work, signal) => ({ state, reply: await work(signal) })));
  const { scheduler } = pipeline;
  const parts = {
    unet,
    loras,
    mesh,
    scheduler,
    latentChannels: pipeline.unet.inChannels,
    progress: publishProgress(transport),
  };
  return {
    operations: [served(contract.denoise, denoise(parts, inTurn))],
    actor,
    describe: () => ({
      device: device.name,
      model: pipeline.name,
      holds: loras.resident,
      turn_ms: turns.medianMs,
    }),
    close: () => device.close(),
  };
});
