/** The door of a gateway that serves the small checkpoint: real checks of real files, over a mesh in this process. */
import { fileURLToPath } from 'node:url';
import type { Clock } from '#shared/bus/clock.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { loraBase } from '#shared/checkpoint/lora-base.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import * as controlnet from '#shared/contracts/controlnet.ts';
import * as lora from '#shared/contracts/lora.ts';
import { served } from '#shared/service/serve.ts';
import { MemoryResultStore } from '#test/contract/bus/memory-stores.ts';
import { smallMesh } from '#test/unit/placement/small-mesh.ts';
import { ControlNet } from '../../../services/controlnet/controlnet.ts';
import { Admission } from '../../../services/gateway/admission.ts';
import { inspect } from '../../../services/lora/lora-actor.ts';
import { LoraLibrary } from '../../../services/lora/lora-library.ts';

const data = (path: string): string => fileURLToPath(new URL(`../../golden/data/${path}`, import.meta.url));

export interface Door {
  readonly admission: Admission;
  readonly files: MemoryResultStore;
}

/** ControlNets `controlnet-a`, `controlnet-b`; LoRAs `a-kohya`, `b-kohya` … and those of `refuse/`. */
export async function door(clock: Clock): Promise<Door> {
  const pipeline = await openPipeline(data('sd15'));
  const files = new MemoryResultStore();
  const mesh = smallMesh(clock);
  const library = new Library(pipeline.folder, { loraFolders: [data('lora'), data('lora/refuse')] });
  const loras = new LoraLibrary(library, await loraBase(pipeline), { maxFactorBytes: 2 ** 20 });
  mesh.start('lora-1', [served(lora.inspect, inspect(loras))], { role: 'lora' });
  const check = served(controlnet.inspect, async ({ body }) => {
    const entry = await library.findControlNet(body.controlnet);
    await ControlNet.check(entry, pipeline.unet);
    return { body: { controlnet: entry.name } };
  });
  mesh.start('controlnet-1', [check], { role: 'controlnet' });
  return { admission: new Admission({ pipeline, mesh: mesh.client, files, now: clock.now }), files };
}
