/** Wires the VAE: one autoencoder on one device. */
import { Actor } from '#shared/actor/actor.ts';
import { RecentTimes, timed } from '#shared/actor/turn-times.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/vae.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { Vae } from './vae.ts';
import { decode, encode, type VaeState } from './vae-actor.ts';

await runService('vae', async ({ config }) => {
  const pipeline = await openPipeline(config.modelFolder, { vae: config.vae });
  const device = await openDevice(config);
  const vae = await Vae.load(device, pipeline.folders.vae, pipeline.vae);
  await vae.warmUp({ height: pipeline.unet.sampleSize, width: pipeline.unet.sampleSize });
  const actor = new Actor<VaeState>({});
  const turns = new RecentTimes();
  return {
    operations: [
      served(contract.decode, actor.on(timed(turns, decode(vae)))),
      served(contract.encode, actor.on(encode(vae))),
    ],
    actor,
    describe: () => ({ device: device.name, model: pipeline.name, holds: [], turn_ms: turns.medianMs }),
    close: () => device.close(),
  };
});
