/** Text encoder, ControlNets, denoiser, LoRA library and VAE as real actors on real devices in one process, over the in-memory bus. */
import { Actor } from '#shared/actor/actor.ts';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { MemoryBroker } from '#shared/bus/memory-transport.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { loraBase } from '#shared/checkpoint/lora-base.ts';
import { openPipeline, type Pipeline } from '#shared/checkpoint/pipeline.ts';
import * as controlnet from '#shared/contracts/controlnet.ts';
import * as denoiser from '#shared/contracts/denoiser.ts';
import type { Heartbeat, Role } from '#shared/contracts/heartbeat.ts';
import * as lora from '#shared/contracts/lora.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import * as vae from '#shared/contracts/vae.ts';
import { Directory } from '#shared/placement/directory.ts';
import { MeshClient } from '#shared/placement/mesh-client.ts';
import { type ServedOperation, served, serveOperation } from '#shared/service/serve.ts';
import type { Device } from '#shared/session/device.ts';
import { type DeviceConfig, openDevice } from '#shared/session/open-device.ts';
import { ControlNetActor } from '../../../services/controlnet/controlnet-actor.ts';
import { ResidentControlNets } from '../../../services/controlnet/resident.ts';
import type { CheckpointStore } from '../../../services/denoiser/checkpoints.ts';
import { denoise } from '../../../services/denoiser/denoiser-actor.ts';
import type { Progress } from '../../../services/denoiser/denoiser-parts.ts';
import { Unet } from '../../../services/denoiser/unet.ts';
import { inspect, patch } from '../../../services/lora/lora-actor.ts';
import { LoraLibrary } from '../../../services/lora/lora-library.ts';
import { TextEncoder } from '../../../services/text-encoder/text-encoder.ts';
import { TextEncoderActor } from '../../../services/text-encoder/text-encoder-actor.ts';
import { TextEncoders } from '../../../services/text-encoder/text-encoders.ts';
import { loadTokenizer } from '../../../services/text-encoder/tokenizer-files.ts';
import { Vae } from '../../../services/vae/vae.ts';
import { decode, encode } from '../../../services/vae/vae-actor.ts';

/** Memory for patched weights, bytes: more than the small checkpoints need. */
const CACHE_BYTES = 2 ** 28;

/** See the head of this file. */
export class InProcessMesh implements AsyncDisposable {
  readonly mesh: MeshClient;
  /** Latents after every step of the job that runs. */
  readonly steps: Progress[] = [];
  /** Checkpoints of all jobs, by job. */
  readonly pieces = new Map<string, Uint8Array[]>();
  readonly #buses: MeshBus[];
  readonly #devices: Device[];

  private constructor(mesh: MeshClient, buses: MeshBus[], devices: Device[]) {
    this.mesh = mesh;
    this.#buses = buses;
    this.#devices = devices;
  }

  /**
   * model, loras   folders
   * settings       of every device
   */
  static async start(model: string, loras: string, settings: Partial<DeviceConfig> = {}): Promise<InProcessMesh> {
    const pipeline = await openPipeline(model);
    const broker = new MemoryBroker();
    const directory = new Directory({ now: Date.now });
    const newBus = (instance: string): MeshBus => new MeshBus(broker.connect(), { instance });
    const caller = newBus('caller');
    const client = new MeshClient({ bus: caller, directory });
    const devices: Device[] = [];
    const newDevice = async (): Promise<Device> => {
      const device = await openDevice({ device: 'cpu', threads: 1, ...settings });
      devices.push(device);
      return device;
    };
    const started = new InProcessMesh(client, [caller], devices);
    const serve = (role: Role, operations: ServedOperation[]): void => {
      const bus = newBus(`${role}-0`);
      started.#buses.push(bus);
      for (const one of operations) serveOperation(bus, one, `${role}-0`);
      directory.hear(heartbeat(role, pipeline.name));
    };
    serve('text-encoder', await textEncoderOperations(pipeline, await newDevice(), client));
    serve('controlnet', controlnetOperations(pipeline, await newDevice()));
    serve('denoiser', await denoiserOperations(pipeline, await newDevice(), client, started));
    serve('lora', await loraOperations(pipeline, loras));
    serve('vae', await vaeOperations(pipeline, await newDevice()));
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#buses.map((bus) => bus.close()));
    await Promise.all(this.#devices.map((device) => device.close()));
  }
}

function heartbeat(role: Role, model: string): Heartbeat {
  return {
    role,
    instance: `${role}-0`,
    slot: role,
    device: 'cpu',
    model,
    load: 0,
    capacity: Number.MAX_SAFE_INTEGER,
    holds: [],
    leaving: false,
    started_unix_ms: 0,
    rss_bytes: 0,
  };
}

async function textEncoderOperations(pipeline: Pipeline, device: Device, mesh: MeshClient): Promise<ServedOperation[]> {
  const parts = pipeline.textEncoders.map(async (one) => {
    const tokenizer = await loadTokenizer(one.tokenizerFolder, one.config);
    const encoder = await TextEncoder.load(device, one, pipeline.family);
    const loras = new LoraWeights({ mesh, part: one.part, base: encoder.base, maxBytes: CACHE_BYTES });
    return { tokenizer, encoder, loras };
  });
  const actor = new TextEncoderActor(new TextEncoders(await Promise.all(parts)));
  return [served(textEncoder.encode, (request, signal) => actor.encode(request, signal))];
}

function controlnetOperations(pipeline: Pipeline, device: Device): ServedOperation[] {
  const library = new Library(pipeline.folder);
  const resident = new ResidentControlNets({ device, library, unet: pipeline.unet, maxBytes: CACHE_BYTES });
  const actor = new ControlNetActor({ device, resident, now: Date.now });
  return [
    served(controlnet.open, actor.open),
    served(controlnet.step, actor.step),
    served(controlnet.close, actor.close),
  ];
}

async function denoiserOperations(
  pipeline: Pipeline,
  device: Device,
  mesh: MeshClient,
  { steps, pieces }: InProcessMesh,
): Promise<ServedOperation[]> {
  const unet = await Unet.load(device, pipeline.folders.unet, pipeline.unet);
  const loras = new LoraWeights({ mesh, part: 'unet', base: unet.base, maxBytes: CACHE_BYTES });
  const { scheduler } = pipeline;
  const checkpoints: CheckpointStore = {
    everyCalls: 1,
    model: pipeline.name,
    read: async (job) => pieces.get(job) ?? [],
    write: (job, piece) => void pieces.set(job, [...(pieces.get(job) ?? []), piece]),
  };
  const parts = { unet, loras, mesh, scheduler, checkpoints };
  const turn = denoise({ ...parts, progress: (one) => steps.push(one) });
  return [served(denoiser.denoise, turn)];
}

async function loraOperations(pipeline: Pipeline, folder: string): Promise<ServedOperation[]> {
  const library = new LoraLibrary(new Library(pipeline.folder, { loraFolders: [folder] }), await loraBase(pipeline), {
    maxFactorBytes: CACHE_BYTES,
  });
  return [served(lora.inspect, inspect(library)), served(lora.patch, patch(library))];
}

async function vaeOperations(pipeline: Pipeline, device: Device): Promise<ServedOperation[]> {
  const loaded = await Vae.load(device, pipeline.folders.vae, pipeline.vae);
  const actor = new Actor({});
  return [served(vae.decode, actor.on(decode(loaded))), served(vae.encode, actor.on(encode(loaded)))];
}
