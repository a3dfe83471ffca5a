/** Wires the denoiser: one UNet on one device. */
import { RecentTimes, timed } from '#shared/actor/turn-times.ts';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline, tokensOf } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/denoiser.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { Assistant, type AssistedCall, assistOperations } from './assistant.ts';
import { checkpointStore } from './checkpoint-store.ts';
import { denoise, type Work } from './denoiser-actor.ts';
import { Lanes } from './lanes.ts';
import { publishProgress } from './progress.ts';
import { Unet } from './unet.ts';

await runService('denoiser', async ({ config, transport, bus, mesh, directory, instance, tellSoon }) => {
  const pipeline = await openPipeline(config.modelFolder, { refiner: config.refiner });
  const device = await openDevice(config);
  const unet = await Unet.load(device, pipeline.folders.unet, pipeline.unet);
  const { refiner } = pipeline;
  const refinerUnet = refiner && (await Unet.load(device, refiner.folder, refiner.unet));
  // What most jobs ask for: the model's own size, with guidance.
  const { sampleSize } = pipeline.unet;
  const batch = pipeline.unet.guidanceWidth === undefined ? 2 : 1; // one that reads the scale has no second half
  await unet.warmUp({ batch, height: sampleSize, width: sampleSize, tokens: tokensOf(pipeline) });
  const loras = new LoraWeights({ mesh, part: 'unet', base: unet.base, maxBytes: config.patchCacheBytes });
  const lanes = new Lanes(config.jobsPerDenoiser);
  const turns = new RecentTimes();
  const assist = async (state: object, call: AssistedCall, signal: AbortSignal) => ({
    state,
    reply: await call(signal),
  });
  const lost = (asker: string): AbortSignal => directory.lost(asker);
  const assistant = new Assistant({ unet, loras, mesh, lost, inTurn: lanes.on(assist) });
  const job = async (state: object, work: Work, signal: AbortSignal) => {
    await assistant.end(); // jobs of our own come first
    return { state, reply: await work(signal) };
  };
  const inTurn = lanes.on(timed(turns, job));
  const denoisers = () => directory.instances('denoiser');
  const parts = {
    unet,
    ...(refinerUnet && { refiner: refinerUnet }),
    loras,
    mesh,
    scheduler: pipeline.scheduler,
    ...(config.guidance === 'split' && { distant: { mesh, instance, denoisers } }),
    checkpoints: checkpointStore(transport, [pipeline.name, refiner?.name].join('+'), config.checkpointSteps),
    progress: publishProgress({ transport, bus, instance, latentRgb: pipeline.latentRgb }),
  };
  const denoiseJob = denoise(parts, inTurn);
  return {
    operations: [
      served(contract.denoise, (request, signal) => {
        tellSoon(); // several gateways send jobs, and each counts only its own
        return denoiseJob(request, signal).finally(tellSoon);
      }),
      ...assistOperations(assistant, () => lanes.load > 0),
    ],
    actor: {
      get load() {
        return lanes.load + assistant.load;
      },
      capacity: lanes.capacity,
      drain: () => lanes.drain(),
      stop: () => lanes.stop(),
    },
    describe: () => ({
      device: device.name,
      model: pipeline.name,
      holds: loras.resident,
      ...loras.memory,
      turn_ms: turns.medianMs,
    }),
    close: () => device.close(),
  };
});
