/** Wires the lora actor: the library, and the names and shapes of the base model's weights. */
import { Library } from '#shared/checkpoint/library.ts';
import { loraBase } from '#shared/checkpoint/lora-base.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as contract from '#shared/contracts/lora.ts';
import { runService } from '#shared/service/run-service.ts';
import { served } from '#shared/service/serve.ts';
import { inspect, list, patch } from './lora-actor.ts';
import { LoraLibrary } from './lora-library.ts';
import { Readers } from './readers.ts';
import { SimulatedReading } from './simulated-reading.ts';

/** More than ask at once: one for each denoiser and text encoder of a host. Who is idle costs nothing. */
const READERS = 16;

await runService('lora', async ({ config }) => {
  const pipeline = await openPipeline(config.modelFolder);
  const simulated = config.simulation && new SimulatedReading(config.simulation);
  const library = new LoraLibrary(
    new Library(pipeline.folder, { loraFolders: config.loraFolders, allowPaths: config.allowPaths }),
    await loraBase(pipeline),
    { maxFactorBytes: config.loraCacheBytes, ...(simulated && { afterRead: (name) => simulated.read(name) }) },
  );
  const readers = new Readers(READERS, patch(library));
  return {
    // What only reads a header does not wait behind the reading of factors.
    operations: [
      served(contract.patch, readers.offer),
      served(contract.inspect, inspect(library)),
      served(contract.list, list(library)),
    ],
    actor: readers,
    describe: () => ({
      device: config.simulation ? config.device : 'none',
      model: pipeline.name,
      holds: library.resident,
      resident_bytes: library.residentBytes,
      budget_bytes: config.loraCacheBytes,
    }),
    close: async () => {},
  };
});
