/**
 * Owns the processes of a mesh on this machine: a nats-server (unless one is named) and the services.
 *
 * Invariants
 *  M1  every process is told as soon as it runs, so that it can be found after this one was killed
 *  M2  the end is in order: gateways, then actors, then NATS; each service has its grace time, then SIGKILL
 *  M3  one process that cannot be kept running ends the whole mesh: half a mesh answers nothing
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { seedFile } from '#infra/nats/identities.ts';
import type { Role } from '#shared/contracts/heartbeat.ts';
import type { MeshError } from '#shared/errors/errors.ts';
import { firstFreePort } from './free-port.ts';
import { LogFile } from './log-file.ts';
import { type OwnNats, startOwnNats } from './nats.ts';
import { type MeshOptions, ROLES } from './options.ts';
import { Place } from './place.ts';
import { serviceEnvironment } from './service-environment.ts';
import { ServiceProcess } from './service-process.ts';
import { type MeshProcess, PROJECT_FOLDER } from './state-file.ts';

const DEFAULT_HTTP_PORT = 8188;
const DEFAULT_GRACE_MS = 30_000;
/** What a service needs, after the grace time it gives to running work, to close its connection and leave, ms. */
const LEAVE_MS = 2_000;

/** What is started, where it keeps its files, and who hears of it. */
export interface LocalMeshOptions extends MeshOptions {
  /** Absolute. */
  readonly model: string;
  readonly stateFolder: string;
  readonly logFolder: string;
  readonly env: NodeJS.ProcessEnv;
  /** A line of a service's log. */
  readonly onLine: (name: string, line: string) => void;
  /** Something that people should know. */
  readonly onNotice: (text: string) => void;
  /** All processes, each time one was started. */
  readonly onProcesses: (processes: readonly MeshProcess[]) => void;
}

/** A mesh that was started: its addresses, and the ways to end it. */
export interface LocalMesh {
  readonly natsUrl: string;
  /** The first gateway's address, once every service is ready. */
  readonly ready: Promise<{ readonly httpUrl: string }>;
  /** Rejects when a process cannot be kept running. */
  readonly failed: Promise<never>;
  /** Names of the services that have not been ready yet. */
  waitingFor(): readonly string[];
  drain(): Promise<void>;
  /** Replaces every service by a new process, one after the other, while the mesh serves on. @throws MeshError when one cannot start: those before it are new */
  restart(): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

/**
 * Starts NATS, then all services at once; returns before they are ready.
 * @throws MeshError NATS_SERVER_MISSING; CONFIGURATION when a port is taken
 */
export async function startLocalMesh(options: LocalMeshOptions): Promise<LocalMesh> {
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => {}); // Whoever waits for `ready` races with it; until then it must not count as unhandled.
  const running = new Map<string, MeshProcess>();
  const onProcess = (process: MeshProcess): void => {
    running.set(process.name, process);
    options.onProcesses([...running.values()]);
  };
  const watch: Watch = { fail, onProcess };
  const nats = options.env.NATS_URL ? undefined : await startNats(options, watch);
  const natsUrl = nats?.url ?? options.env.NATS_URL!;
  const httpPort = options.httpPort ?? (await firstFreePort(DEFAULT_HTTP_PORT));
  const places = planServices(options, { natsUrl, httpPort }).map((plan) => placeFor(plan, options, watch));
  for (const { process } of places) process.start();
  const killAfterMs = Number(options.env.LATENTMESH_GRACE_MS ?? DEFAULT_GRACE_MS) + LEAVE_MS;
  return {
    natsUrl,
    failed,
    ready: Promise.all(places.map(({ process }) => process.ready)).then(([gateway]) => ({ httpUrl: gateway!.http! })),
    waitingFor: () => places.filter(({ process }) => !process.isReady).map(({ name }) => name),
    drain: () => drain(places, nats, killAfterMs),
    restart: () => restart(places, killAfterMs),
    kill: () => {
      for (const place of places) place.kill();
      nats?.kill();
    },
  };
}

/** How a process reports to the mesh. */
interface Watch {
  readonly fail: (error: MeshError) => void;
  readonly onProcess: (process: MeshProcess) => void;
}

function startNats(options: LocalMeshOptions, { fail, onProcess }: Watch): Promise<OwnNats> {
  const storeDir = join(options.stateFolder, 'nats');
  return startOwnNats({
    ...(options.natsPort !== undefined && { port: options.natsPort }),
    storeDir,
    logFile: join(options.logFolder, 'nats-server.log'),
    onRestart: (cause, delayMs) => options.onNotice(restartText('nats-server', cause, delayMs)),
    onNotice: options.onNotice,
    onGivenUp: fail,
    // Its command line names its configuration file, which is in the store.
    onSpawn: (pid) => onProcess({ name: 'nats-server', pid, command: storeDir }),
  });
}

interface ServicePlan {
  readonly name: string;
  readonly role: Role;
  /** Among those of its role. */
  readonly index: number;
  readonly env: NodeJS.ProcessEnv;
}

/** Which processes to start, each with its environment. The first one is a gateway. */
function planServices(options: LocalMeshOptions, place: { natsUrl: string; httpPort: number }): ServicePlan[] {
  const common = {
    LATENTMESH_ALLOW_PATHS: '1',
    ...serviceEnvironment(options.env),
    NATS_URL: place.natsUrl,
    LATENTMESH_MODEL: options.model,
    LATENTMESH_CONTROLNETS: folders(options.controlnets, options.env.LATENTMESH_CONTROLNETS),
    LATENTMESH_LORAS: folders(options.loras, options.env.LATENTMESH_LORAS),
    LATENTMESH_EMBEDDINGS: folders(options.embeddings, options.env.LATENTMESH_EMBEDDINGS),
    ...(options.vae !== undefined && { LATENTMESH_VAE: options.vae }),
    ...(options.refiner !== undefined && { LATENTMESH_REFINER: options.refiner }),
  };
  const natsKeys = options.env.LATENTMESH_NATS_KEYS;
  return ROLES.flatMap((role) =>
    Array.from({ length: options.replicas[role] }, (_, index) => ({
      name: index === 0 ? role : `${role}-${index}`,
      role,
      index,
      env: {
        ...common,
        ...(natsKeys && { LATENTMESH_NATS_NKEY_FILE: seedFile(natsKeys, role) }),
        ...(role === 'gateway' && { LATENTMESH_HTTP_PORT: String(place.httpPort && place.httpPort + index) }),
      },
    })),
  );
}

function folders(named: readonly string[], inherited = ''): string {
  return [...named, ...inherited.split(':')].filter(Boolean).join(':');
}

function placeFor(plan: ServicePlan, options: LocalMeshOptions, watch: Watch): Place {
  const log = new LogFile(join(options.logFolder, `${plan.name}.log`));
  return new Place({
    name: plan.name,
    hasAddress: plan.role === 'gateway',
    fail: watch.fail,
    make: (generation, onGivenUp) => makeService({ ...plan, generation, log }, options, { ...watch, fail: onGivenUp }),
  });
}

function makeService(
  { name, role, index, env, generation, log }: ServicePlan & { readonly generation: number; readonly log: LogFile },
  options: LocalMeshOptions,
  watch: Watch,
): ServiceProcess {
  const script = join(PROJECT_FOLDER, 'services', role, 'main.ts');
  // With this process's id: two meshes on one host may share a nats-server.
  const slot = `${role}-${index}@${hostname()}-${process.pid}${generation === 0 ? '' : `.${generation}`}`;
  return new ServiceProcess({
    name,
    script,
    cwd: PROJECT_FOLDER,
    env: { ...env, LATENTMESH_SLOT: slot },
    logFile: log.path,
    onLine: (line) => {
      log.write(line);
      options.onLine(name, line);
    },
    onRestart: (cause, delayMs) => options.onNotice(restartText(name, cause, delayMs)),
    onGivenUp: watch.fail,
    onSpawn: (pid) => watch.onProcess({ name, pid, command: script }),
  });
}

function restartText(name: string, cause: string, delayMs: number): string {
  return `${name} died (${cause}); starting it again ${delayMs === 0 ? 'now' : `in ${delayMs / 1000} s`}`;
}

const isGateway = ({ name }: Place): boolean => name.startsWith('gateway');

async function drain(places: readonly Place[], nats: OwnNats | undefined, killAfterMs: number): Promise<void> {
  await Promise.all(places.filter(isGateway).map((place) => place.end(killAfterMs)));
  await Promise.all(places.filter((place) => !isGateway(place)).map((place) => place.end(killAfterMs)));
  await nats?.stop();
}

/** Gateways last: what they ask of actors may be new. */
async function restart(places: readonly Place[], killAfterMs: number): Promise<void> {
  const inOrder = [...places.filter((place) => !isGateway(place)), ...places.filter(isGateway)];
  for (const place of inOrder) await place.replace(killAfterMs);
}
