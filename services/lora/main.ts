/** Wires the lora actor: the library, and the names and shapes of the base model's weights. */
import { Actor } from '#shared/actor/actor.ts';
import { openComponent } from '#shared/checkpoint/component.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/lora.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { inspect, list, patch } from './lora-actor.ts';
import { LoraLibrary } from './lora-library.ts';
import { SimulatedReading } from './simulated-reading.ts';

await runService('lora', async ({ config }) => {
  const pipeline = await openPipeline(config.modelFolder);
  const [unet, textEncoder] = await Promise.all([
    openComponent(pipeline.folders.unet),
    openComponent(pipeline.folders.textEncoder),
  ]);
  const simulated = config.simulation && new SimulatedReading(config.simulation);
  const library = new LoraLibrary(
    new Library(pipeline.folder, { loraFolders: config.loraFolders, allowPaths: config.allowPaths }),
    { unet: unet.weights.index, text_encoder: textEncoder.weights.index },
    { maxFactorBytes: config.loraCacheBytes, ...(simulated && { afterRead: (name) => simulated.read(name) }) },
  );
  const actor = new Actor({});
  const read = patch(library);
  const offerPatch = actor.on(async (state, request: Parameters<typeof read>[0]) => ({
    state,
    reply: await read(request),
  }));
  return {
    // What only reads a header does not wait behind the reading of factors.
    operations: [
      served(contract.patch, offerPatch),
      served(contract.inspect, inspect(library)),
      served(contract.list, list(library)),
    ],
    actor,
    describe: () => ({
      device: config.simulation ? config.device : 'none',
      model: pipeline.name,
      holds: library.resident,
    }),
    close: async () => {},
  };
});
