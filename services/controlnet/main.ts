/** Wires the controlnet actor: as many ControlNets as fit, on one device. */
import { Library } from '#shared/checkpoint/library.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/controlnet.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { ControlNet } from './controlnet.ts';
import { ControlNetActor } from './controlnet-actor.ts';
import { ResidentControlNets } from './resident.ts';

await runService('controlnet', async ({ config, tellSoon }) => {
  const pipeline = await openPipeline(config.modelFolder);
  const { controlnetFolders, allowPaths } = config;
  const library = new Library(pipeline.folder, { controlNetFolders: controlnetFolders, allowPaths });
  const device = await openDevice(config);
  const resident = new ResidentControlNets({
    device,
    library,
    unet: pipeline.unet,
    maxBytes: config.controlnetCacheBytes,
  });
  const actor = new ControlNetActor({ device, resident, now: Date.now });
  return {
    operations: [
      // A session counts as work for as long as it is open: the next one is placed by what is told of it.
      served(contract.open, (request, signal) => actor.open(request, signal).finally(tellSoon)),
      served(contract.step, actor.step),
      served(contract.close, (request, signal) => actor.close(request, signal).finally(tellSoon)),
      // What only reads headers does not wait behind the steps.
      served(contract.inspect, async ({ body }) => {
        const entry = await library.findControlNet(body.controlnet);
        await library.reading(() => ControlNet.check(entry, pipeline.unet));
        return { body: { controlnet: entry.name } };
      }),
      served(contract.list, async () => {
        const entries = await library.reading(() => library.listControlNets());
        return { body: { controlnets: entries.map((entry) => entry.name) } };
      }),
    ],
    actor,
    describe: () => ({ device: device.name, model: pipeline.name, turn_ms: actor.turnMs, ...resident.describe() }),
    close: () => device.close(),
  };
});
