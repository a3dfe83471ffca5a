/** Wires the controlnet actor: as many ControlNets as fit, on one device. */
import { Actor } from '#shared/actor/actor.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/controlnet.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { ControlNet } from './controlnet.ts';
import { type ControlNetState, close, open, step } from './controlnet-actor.ts';
import { ResidentControlNets } from './resident.ts';

await runService('controlnet', async ({ config }) => {
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
  const actor = new Actor<ControlNetState>(new Map());
  const parts = { device, resident, now: Date.now };
  return {
    operations: [
      served(contract.open, actor.on(open(parts))),
      served(contract.step, actor.on(step())),
      served(contract.close, actor.on(close(parts))),
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
    // An open session will ask at every step of its job, so it counts as work, and takes no place in the mailbox.
    actor: {
      get load() {
        return actor.load + actor.state.size;
      },
      get capacity() {
        return actor.capacity + actor.state.size;
      },
      drain: () => actor.drain(),
      stop: () => actor.stop(),
    },
    describe: () => ({ device: device.name, model: pipeline.name, holds: resident.names }),
    close: () => device.close(),
  };
});
