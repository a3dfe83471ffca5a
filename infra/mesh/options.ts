/** The command line of the supervisor. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Role } from '#shared/contracts/heartbeat.ts';
import { MeshError } from '#shared/errors/errors.ts';

/** The gateway first: it is drained first, so that no new work reaches the others. */
export const ROLES = ['gateway', 'text-encoder', 'controlnet', 'denoiser', 'lora', 'vae'] as const satisfies Role[];

/** The command line, checked, with every default but the model and the ports. */
export interface MeshOptions {
  /** Absolute, folder or file. Left out: the model that comes with the project. */
  readonly model?: string;
  readonly httpPort?: number;
  readonly natsPort?: number;
  readonly controlnets: readonly string[];
  readonly loras: readonly string[];
  readonly embeddings: readonly string[];
  /** Absolute. In the place of the model's own. */
  readonly vae?: string;
  /** Absolute. SDXL's refiner, beside the model. */
  readonly refiner?: string;
  /** Processes of each role. */
  readonly replicas: Readonly<Record<Role, number>>;
  readonly isQuiet: boolean;
  readonly isVerbose: boolean;
}

/** What `--help` prints. */
export const USAGE = `Usage: npm start -- [options]

  --model PATH           checkpoint: a folder in the diffusers layout, or a .safetensors file (default: the one that comes
                         with latentmesh)
  --vae PATH             VAE in the place of the model's own: folder or .safetensors file
  --refiner PATH         SDXL's refiner, beside the model: folder or .safetensors file
  --port PORT            HTTP port, 0 for any (default: 8188, or the next free one)
  --nats-port PORT       port of the nats-server that is started, 0 for any (default: 4222, or the next free one);
                         with NATS_URL set none is started
  --controlnets DIR      further folder with ControlNets; repeatable
  --loras DIR            further folder with LoRAs; repeatable
  --embeddings DIR       further folder with textual inversion embeddings; repeatable
  --replicas ROLE=N      processes of a role (${ROLES.join(', ')}); repeatable
  --quiet                print errors only
  --verbose              print every log line
  --help                 this text
`;

/** Replicas of one role on one machine: each holds a whole network in memory. */
const MAX_REPLICAS = 16;

const FLAGS = {
  model: { type: 'string' },
  port: { type: 'string' },
  'nats-port': { type: 'string' },
  controlnets: { type: 'string', multiple: true },
  loras: { type: 'string', multiple: true },
  embeddings: { type: 'string', multiple: true },
  vae: { type: 'string' },
  refiner: { type: 'string' },
  replicas: { type: 'string', multiple: true },
  quiet: { type: 'boolean', default: false },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/**
 * Reads the command line; `help` when it asks for it. Relative folders start at `folder`.
 * @throws MeshError CONFIGURATION naming the flag that is wrong
 */
export function parseMeshOptions(args: readonly string[], folder: string): MeshOptions | 'help' {
  const flags = parse(args);
  if (flags.help) return 'help';
  return {
    ...(flags.model !== undefined && { model: resolve(folder, flags.model) }),
    ...(flags.port !== undefined && { httpPort: portOf('--port', flags.port) }),
    ...(flags['nats-port'] !== undefined && { natsPort: portOf('--nats-port', flags['nats-port']) }),
    controlnets: (flags.controlnets ?? []).map((path) => resolve(folder, path)),
    loras: (flags.loras ?? []).map((path) => resolve(folder, path)),
    embeddings: (flags.embeddings ?? []).map((path) => resolve(folder, path)),
    ...(flags.vae !== undefined && { vae: resolve(folder, flags.vae) }),
    ...(flags.refiner !== undefined && { refiner: resolve(folder, flags.refiner) }),
    replicas: replicasOf(flags.replicas ?? []),
    isQuiet: flags.quiet,
    isVerbose: flags.verbose,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: false }).values;
  } catch (error) {
    const { message } = error as Error;
    throw new MeshError('CONFIGURATION', `${message.split('. ')[0]}. \`npm start -- --help\` lists the options.`);
  }
}

function portOf(flag: string, text: string): number {
  const port = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new MeshError(
    'CONFIGURATION',
    `${flag} ${text} is not a port: a whole number from 1 to 65535, or 0 for any that is free.`,
  );
}

function replicasOf(settings: readonly string[]): Record<Role, number> {
  const replicas = Object.fromEntries(ROLES.map((role) => [role, 1])) as Record<Role, number>;
  for (const setting of settings) {
    const [role, count] = setting.split('=') as [Role, string | undefined];
    const isRight = ROLES.includes(role) && /^\d+$/.test(count ?? '') && Number(count) >= 1;
    if (!isRight || Number(count) > MAX_REPLICAS) {
      const example = `denoiser=2, with a role of ${ROLES.join(', ')} and 1 to ${MAX_REPLICAS}`;
      throw new MeshError('CONFIGURATION', `--replicas ${setting} is not understood: write it like ${example}.`);
    }
    replicas[role] = Number(count);
  }
  return replicas;
}
