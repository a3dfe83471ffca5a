/** The environment of a service, read once in `main.ts`. Variables that are unset or empty take the defaults below. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { MeshError } from '#shared/errors/errors.ts';
import { containerId } from './container-id.ts';
import { ownAddress } from './own-address.ts';
import { readProfile, SIMULATED, type Simulation } from './simulation.ts';

const HOUR_MS = 60 * 60_000;

const Folders = z
  .string()
  .default('')
  .transform((list) => list.split(':').filter(Boolean));

const List = z
  .string()
  .default('')
  .transform((list) =>
    list
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean),
  );

/** Where the build of the studio leaves its files. */
const STUDIO = resolve(import.meta.dirname, '../../.latentmesh/studio');

const Environment = z.object({
  NATS_URL: z.string().default('nats://127.0.0.1:4222'),
  /** File with the nkey seed of this process's identity; unset: credentials of NATS_URL, or none. `npm start` sets it from LATENTMESH_NATS_KEYS. */
  LATENTMESH_NATS_NKEY_FILE: z.string().optional(),
  /** File with the certificates that vouch for the NATS server; unset: TLS with `tls://` only, by the system's. */
  LATENTMESH_NATS_CA_FILE: z.string().optional(),
  /** Servers of a cluster that hold each stream; unset: as they are, 1 where they are new. */
  LATENTMESH_NATS_REPLICAS: z.coerce.number().int().min(1).max(5).optional(),
  /** The model: a folder in the diffusers layout, or a `.safetensors` file. */
  LATENTMESH_MODEL: z.string('name the model folder'),
  /** A VAE in the place of the model's own: folder or `.safetensors` file. */
  LATENTMESH_VAE: z.string().min(1).optional(),
  /** SDXL's refiner, beside the model: folder or `.safetensors` file. */
  LATENTMESH_REFINER: z.string().min(1).optional(),
  /** Extra folders to find ControlNets and LoRAs in, separated by ":". */
  LATENTMESH_CONTROLNETS: Folders,
  LATENTMESH_LORAS: Folders,
  /** Extra folders with textual inversion embeddings. */
  LATENTMESH_EMBEDDINGS: Folders,
  /** Whether requests may name files by absolute path. Right on one's own machine only. */
  LATENTMESH_ALLOW_PATHS: z.stringbool().default(false),
  LATENTMESH_DEVICE: z.string().default('cpu'),
  /** Folders with profiles of simulated devices, besides our own, separated by ":". */
  LATENTMESH_PROFILES: Folders,
  /** Real milliseconds for each one that a simulated device takes. */
  LATENTMESH_TIME_SCALE: z.coerce.number().positive().default(1),
  /** Threads of the runtime; unset: every core. */
  LATENTMESH_THREADS: z.coerce.number().int().min(1).optional(),
  /** The place that this process fills; a newcomer in the same slot tells the mesh that the former is dead. */
  LATENTMESH_SLOT: z.string().optional(),
  /** Address by which other hosts reach this process for large replies, `auto` for the host's own; unset: they come in chunks over NATS. */
  LATENTMESH_DIRECT_HOST: z.string().optional(),
  LATENTMESH_HTTP_HOST: z.string().default('127.0.0.1'),
  LATENTMESH_HTTP_PORT: z.coerce.number().int().min(0).max(65535).default(8188),
  /** Names with a dot under which the gateway is reached, separated by ",". */
  LATENTMESH_HTTP_NAMES: List,
  /** Origins of pages that may ask the gateway, separated by ","; "*" for all. */
  LATENTMESH_HTTP_ORIGINS: List,
  /** Folder of the built studio. */
  LATENTMESH_STUDIO: z.string().default(STUDIO),
  /** File with the hashes of API keys; unset: no keys, and no host but this machine. */
  LATENTMESH_API_KEYS: z.string().optional(),
  /** Lets other hosts in without keys: something else keeps strangers away. */
  LATENTMESH_HTTP_OPEN: z.stringbool().default(false),
  /** Jobs that a gateway works on at once; unset: as many as the denoisers can use. */
  LATENTMESH_JOBS: z.coerce.number().int().min(1).optional(),
  /** How long finished pictures are kept, hours, and how many bytes of them; the oldest go first. */
  LATENTMESH_RESULTS_HOURS: z.coerce.number().positive().default(24),
  LATENTMESH_RESULTS_BYTES: z.coerce
    .number()
    .int()
    .min(2 ** 20)
    .default(4 * 2 ** 30),
  /** Calls of the model between two checkpoints of a job; 0: none, a job that loses its denoiser begins from noise. */
  LATENTMESH_CHECKPOINT_STEPS: z.coerce.number().int().min(0).default(1),
  /** Jobs that may wait before QUEUE_FULL. */
  LATENTMESH_QUEUE: z.coerce.number().int().min(1).default(1000),
  /** Memory for LoRA-patched weights, bytes. */
  LATENTMESH_PATCH_CACHE_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .default(4 * 2 ** 30),
  /** How LoRAs come into networks; unset: as the device does it best. */
  LATENTMESH_LORA_STRATEGY: z.enum(['fed', 'branches']).optional(),
  /** Memory for factors of LoRAs in the lora actor, bytes. */
  LATENTMESH_LORA_CACHE_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .default(2 ** 30),
  /** Memory for the activations of one run, bytes: larger pictures are decoded in tiles, and refused where that cannot be. */
  LATENTMESH_ACTIVATION_BYTES: z.coerce
    .number()
    .int()
    .min(2 ** 20)
    .default(8 * 2 ** 30),
  /** Memory for the weights of resident ControlNets, bytes. */
  LATENTMESH_CONTROLNET_CACHE_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .default(8 * 2 ** 30),
  /** Jobs whose runs alternate on a denoiser. */
  LATENTMESH_JOBS_PER_DENOISER: z.coerce.number().int().min(1).max(4).default(1),
  /** Whether the halves of guidance are one run, or two that a second denoiser may share. */
  LATENTMESH_GUIDANCE: z.enum(['joint', 'split']).default('joint'),
  /** File that is written with every heartbeat, for an orchestrator to look at; unset: none. */
  LATENTMESH_HEALTH_FILE: z.string().optional(),
  LATENTMESH_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Time that running work gets after SIGTERM, ms. */
  LATENTMESH_GRACE_MS: z.coerce.number().int().min(0).default(30_000),
});

/** Settings of one process. */
export interface Config {
  readonly natsUrl: string;
  readonly natsNkeyFile?: string;
  readonly natsCaFile?: string;
  readonly natsReplicas?: number;
  /** Folder or file. */
  readonly modelFolder: string;
  /** In the place of the model's own: folder or file. */
  readonly vae?: string;
  /** Beside the model: folder or file. */
  readonly refiner?: string;
  readonly controlnetFolders: readonly string[];
  readonly loraFolders: readonly string[];
  readonly embeddingFolders: readonly string[];
  readonly allowPaths: boolean;
  readonly device: string;
  /** What the device is made from when it is a simulated one. */
  readonly simulation?: Simulation;
  readonly threads?: number;
  readonly slot: string;
  readonly directHost?: string;
  readonly httpHost: string;
  readonly httpPort: number;
  readonly apiKeysFile?: string;
  readonly isHttpOpen: boolean;
  readonly httpNames: readonly string[];
  readonly httpOrigins: readonly string[];
  /** Absolute. */
  readonly studioFolder: string;
  readonly jobs?: number;
  readonly queue: number;
  readonly checkpointSteps: number;
  readonly resultsMs: number;
  readonly resultsBytes: number;
  readonly patchCacheBytes: number;
  readonly loraCacheBytes: number;
  readonly loraStrategy?: 'fed' | 'branches';
  readonly controlnetCacheBytes: number;
  readonly activationBytes: number;
  readonly jobsPerDenoiser: number;
  readonly guidance: 'joint' | 'split';
  readonly healthFile?: string;
  readonly logLevel: string;
  readonly graceMs: number;
}

/** @throws MeshError CONFIGURATION naming every variable that is wrong */
export function readConfig(role: string, env: NodeJS.ProcessEnv): Config {
  const parsed = Environment.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new MeshError('CONFIGURATION', `The environment is not right. ${problems.join('; ')}.`, { problems });
  }
  const values = parsed.data;
  return {
    natsUrl: values.NATS_URL,
    ...(values.LATENTMESH_NATS_NKEY_FILE !== undefined && { natsNkeyFile: values.LATENTMESH_NATS_NKEY_FILE }),
    ...(values.LATENTMESH_NATS_CA_FILE !== undefined && { natsCaFile: values.LATENTMESH_NATS_CA_FILE }),
    ...(values.LATENTMESH_NATS_REPLICAS !== undefined && { natsReplicas: values.LATENTMESH_NATS_REPLICAS }),
    modelFolder: values.LATENTMESH_MODEL,
    ...(values.LATENTMESH_VAE !== undefined && { vae: values.LATENTMESH_VAE }),
    ...(values.LATENTMESH_REFINER !== undefined && { refiner: values.LATENTMESH_REFINER }),
    controlnetFolders: values.LATENTMESH_CONTROLNETS,
    loraFolders: values.LATENTMESH_LORAS,
    embeddingFolders: values.LATENTMESH_EMBEDDINGS,
    allowPaths: values.LATENTMESH_ALLOW_PATHS,
    device: values.LATENTMESH_DEVICE,
    ...simulationOf(values),
    ...(values.LATENTMESH_THREADS && { threads: values.LATENTMESH_THREADS }),
    slot: values.LATENTMESH_SLOT ?? `${role}-${process.pid}@${containerId() ?? hostname()}`,
    ...(values.LATENTMESH_DIRECT_HOST && { directHost: directHostOf(values.LATENTMESH_DIRECT_HOST) }),
    httpHost: values.LATENTMESH_HTTP_HOST,
    httpPort: values.LATENTMESH_HTTP_PORT,
    ...(values.LATENTMESH_API_KEYS !== undefined && { apiKeysFile: values.LATENTMESH_API_KEYS }),
    isHttpOpen: values.LATENTMESH_HTTP_OPEN,
    httpNames: values.LATENTMESH_HTTP_NAMES,
    httpOrigins: values.LATENTMESH_HTTP_ORIGINS,
    studioFolder: resolve(values.LATENTMESH_STUDIO),
    ...(values.LATENTMESH_JOBS !== undefined && { jobs: values.LATENTMESH_JOBS }),
    queue: values.LATENTMESH_QUEUE,
    checkpointSteps: values.LATENTMESH_CHECKPOINT_STEPS,
    resultsMs: values.LATENTMESH_RESULTS_HOURS * HOUR_MS,
    resultsBytes: values.LATENTMESH_RESULTS_BYTES,
    patchCacheBytes: values.LATENTMESH_PATCH_CACHE_BYTES,
    loraCacheBytes: values.LATENTMESH_LORA_CACHE_BYTES,
    ...(values.LATENTMESH_LORA_STRATEGY && { loraStrategy: values.LATENTMESH_LORA_STRATEGY }),
    controlnetCacheBytes: values.LATENTMESH_CONTROLNET_CACHE_BYTES,
    activationBytes: values.LATENTMESH_ACTIVATION_BYTES,
    jobsPerDenoiser: values.LATENTMESH_JOBS_PER_DENOISER,
    guidance: values.LATENTMESH_GUIDANCE,
    ...(values.LATENTMESH_HEALTH_FILE && { healthFile: values.LATENTMESH_HEALTH_FILE }),
    logLevel: values.LATENTMESH_LOG_LEVEL,
    graceMs: values.LATENTMESH_GRACE_MS,
  };
}

function directHostOf(named: string): string {
  return named === 'auto' ? ownAddress() : named;
}

function simulationOf(values: z.infer<typeof Environment>): { simulation?: Simulation } {
  const { LATENTMESH_DEVICE: device, LATENTMESH_PROFILES: folders, LATENTMESH_TIME_SCALE: timeScale } = values;
  return device.startsWith(SIMULATED) ? { simulation: { profile: readProfile(device, folders), timeScale } } : {};
}
