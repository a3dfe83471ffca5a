/** The real mesh: a nats-server and service processes, of which only the devices are simulated. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultModel } from '#infra/mesh/default-model.ts';
import { startLocalMesh } from '#infra/mesh/local-mesh.ts';
import { ROLES } from '#infra/mesh/options.ts';
import { requestJson } from '#shared/bus/door.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import type { Role } from '#shared/contracts/heartbeat.ts';
import { encodePng } from '#shared/image/png.ts';
import { type SimulationClock, scaledClock } from '#shared/session/simulated/clock.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import type { Picture } from '../workload/published-traffic.ts';
import { MeshUsage } from './mesh-usage.ts';
import { writeControlNet, writeLoras } from './stand-in-files.ts';
import type { ServingSystem, Usage } from './system.ts';

/** How large a mesh is, and what its requests say. */
export interface LatentmeshOptions {
  readonly profile: DeviceProfile;
  readonly timeScale: number;
  readonly steps: number;
  readonly replicas: Partial<Record<Role, number>>;
  /** Whether the two halves of guidance run together, or on two denoisers while one is idle. */
  readonly guidance: 'joint' | 'split';
  /** Adapters that requests will name. */
  readonly controlnets: Iterable<string>;
  readonly loras: Iterable<string>;
  /** Fields of every request: `lora_start`. */
  readonly request: Partial<GenerateInput>;
  /** Further variables of every service. */
  readonly env: Readonly<Record<string, string>>;
  readonly note: (text: string) => void;
}

/** A hint of this size reaches a denoiser of a model that draws 128 × 128 pixels. */
const HINT_SIDE = 128;
/** Far longer than a picture at any scale, ms. */
const DEADLINE_MS = 60 * 60_000;
/** Spans leave their process within 100 ms, ms. */
const SPANS_SETTLE_MS = 300;
/** Memory of the imitated device for patched weights and for ControlNets, bytes: of 80 GB, what a UNet of 5.1 GB leaves. */
const PATCH_CACHE_BYTES = 60e9;
const CONTROLNET_CACHE_BYTES = 60e9;
/** LoRAs in the memory of a host: 340 MB each, 51 GB of it. */
const HOST_LORAS = 150;

/** See the head of this file. */
export class Latentmesh implements ServingSystem, AsyncDisposable {
  readonly name: string;
  readonly device: string;
  readonly clock: SimulationClock;
  readonly #options: LatentmeshOptions;
  readonly #transport: NatsTransport;
  readonly #usage = new MeshUsage();
  readonly #resources: AsyncDisposableStack;
  readonly #hint: string;
  #sent = 0;

  private constructor(
    options: LatentmeshOptions,
    parts: { transport: NatsTransport; resources: AsyncDisposableStack; hint: string },
  ) {
    this.#options = options;
    this.#transport = parts.transport;
    this.#resources = parts.resources;
    this.#hint = parts.hint;
    this.name = options.guidance === 'split' ? 'latentmesh, split guidance' : 'latentmesh';
    this.device = `simulated:${options.profile.name}`;
    this.clock = scaledClock(options.timeScale);
    this.#usage.listen(parts.transport);
  }

  /** Writes the stand-ins for adapters, starts the mesh and waits until it is ready. */
  static async start(options: LatentmeshOptions): Promise<Latentmesh> {
    await using resources = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'latentmesh-load-'));
    resources.defer(() => rm(folder, { recursive: true, force: true }));
    const model = await defaultModel();
    const loraBytes = await writeFiles(folder, model, options);
    const mesh = await startLocalMesh({
      model,
      natsPort: 0,
      httpPort: 0,
      controlnets: [join(folder, 'controlnets')],
      loras: [join(folder, 'loras')],
      embeddings: [],
      replicas: { ...Object.fromEntries(ROLES.map((role) => [role, 1])), ...options.replicas } as Record<Role, number>,
      isQuiet: true,
      isVerbose: false,
      stateFolder: folder,
      logFolder: join(folder, 'logs'),
      env: serviceEnvironment(folder, loraBytes, options),
      onLine: () => {},
      onNotice: options.note,
      onProcesses: () => {},
    });
    resources.defer(() => mesh.drain());
    await Promise.race([mesh.ready, mesh.failed]);
    const transport = await connectNats({ url: mesh.natsUrl, name: 'latentmesh-load' });
    resources.defer(() => transport.close());
    return new Latentmesh(options, { transport, resources: resources.move(), hint: await hintPng() });
  }

  async serve({ controlnets, loras }: Picture): Promise<void> {
    const nth = this.#sent++;
    const request: GenerateInput = {
      prompt: `picture ${nth}`,
      negative_prompt: `not ${nth}`,
      seed: nth,
      steps: this.#options.steps,
      sampler: 'Euler',
      deadline_ms: DEADLINE_MS,
      controlnets: controlnets.map((controlnet) => ({ controlnet, image: this.#hint, preprocessor: 'none' })),
      loras: loras.map((lora) => ({ lora })),
      ...(loras.length > 0 && this.#options.request),
    };
    await requestJson(this.#transport, subjects.generate, request, { timeoutMs: DEADLINE_MS });
  }

  /** Waits until the spans of what is over have come. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SPANS_SETTLE_MS));
  }

  usage(): Usage {
    const { denoiser = 1, controlnet = 1, 'text-encoder': encoders = 1, vae = 1 } = this.#options.replicas;
    const busyMs = (role: Role): number => this.#usage.busyMs(role);
    return {
      base: { devices: denoiser, busyMs: busyMs('denoiser') },
      controlnet: { devices: controlnet, busyMs: busyMs('controlnet') },
      other: { devices: encoders + vae, busyMs: busyMs('text-encoder') + busyMs('vae') },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** @returns bytes of the factors of one stand-in for a LoRA */
async function writeFiles(folder: string, model: string, options: LatentmeshOptions): Promise<number> {
  const { profile, controlnets, loras } = options;
  for (const name of controlnets) await writeControlNet(join(folder, 'controlnets', name), model);
  await writeFile(join(folder, `${profile.name}.json`), JSON.stringify(profile));
  return writeLoras(join(folder, 'loras'), model, loras);
}

/** Its own server, not one that is named in the environment. */
function serviceEnvironment(
  folder: string,
  loraBytes: number,
  { profile, timeScale, guidance, env }: LatentmeshOptions,
): NodeJS.ProcessEnv {
  const { NATS_URL: _, ...inherited } = process.env;
  return {
    ...inherited,
    LATENTMESH_DEVICE: `simulated:${profile.name}`,
    LATENTMESH_PROFILES: folder,
    LATENTMESH_TIME_SCALE: String(timeScale),
    LATENTMESH_GUIDANCE: guidance,
    LATENTMESH_PATCH_CACHE_BYTES: String(PATCH_CACHE_BYTES),
    LATENTMESH_CONTROLNET_CACHE_BYTES: String(CONTROLNET_CACHE_BYTES),
    LATENTMESH_LORA_CACHE_BYTES: String(HOST_LORAS * loraBytes),
    LATENTMESH_LOG_LEVEL: 'warn',
    LATENTMESH_JOBS: '64',
    ...env,
  };
}

async function hintPng(): Promise<string> {
  const shape = [HINT_SIDE, HINT_SIDE, 3];
  const png = await encodePng(tensor('u8', shape, new Uint8Array(HINT_SIDE * HINT_SIDE * 3).fill(128)));
  return Buffer.from(png).toString('base64');
}
