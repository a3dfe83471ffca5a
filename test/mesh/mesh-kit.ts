/** A whole mesh for tests: a real nats-server, real service processes under the real supervisor, and a client beside them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startLocalMesh } from '#infra/mesh/local-mesh.ts';
import { ROLES } from '#infra/mesh/options.ts';
import { seedFile } from '#infra/nats/identities.ts';
import { requestJson, subscribeJson } from '#shared/bus/door.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { readObject } from '#shared/bus/object-store.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { Heartbeat, MeshStatus, type Role } from '#shared/contracts/heartbeat.ts';
import { JobEvent, JobRecord } from '#shared/contracts/jobs.ts';
import { decode } from '#shared/wire/codec.ts';
import { copySmallModel } from './small-model.ts';

/** The recorded checkpoint with the structure of Stable Diffusion 1.5. */
export const REFERENCE_MODEL = resolve(import.meta.dirname, '../golden/data/sd15');
export const REFERENCE_LORAS = resolve(import.meta.dirname, '../golden/data/lora');

/** Longest time that one job of the small checkpoint may take, restarts included. */
const JOB_TIMEOUT_MS = 90_000;

export interface TestMeshOptions {
  /** Left out: the recorded checkpoint. `small`: the same for small pictures, which starts faster. */
  readonly model?: string;
  readonly replicas?: Partial<Record<Role, number>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Folders with LoRAs besides the model's own; left out: the recorded ones. */
  readonly loras?: readonly string[];
  /** Left out: any that is free, and another one after a restart. */
  readonly httpPort?: number;
}

/** See the head of this file. */
export class TestMesh implements AsyncDisposable {
  readonly natsUrl: string;
  readonly httpUrl: string;
  readonly transport: NatsTransport;
  /** Lines of every service's log, to look at when a test fails. */
  readonly log: string[];
  readonly #pids: ReadonlyMap<string, number>;
  readonly #resources: AsyncDisposableStack;

  private constructor(parts: {
    natsUrl: string;
    httpUrl: string;
    transport: NatsTransport;
    log: string[];
    pids: ReadonlyMap<string, number>;
    resources: AsyncDisposableStack;
  }) {
    this.natsUrl = parts.natsUrl;
    this.httpUrl = parts.httpUrl;
    this.transport = parts.transport;
    this.log = parts.log;
    this.#pids = parts.pids;
    this.#resources = parts.resources;
  }

  /** Resolves when every service is ready; what was started before a failure is ended. */
  static async start(options: TestMeshOptions = {}): Promise<TestMesh> {
    const { model = REFERENCE_MODEL, replicas = {}, env = {}, httpPort = 0, loras = [REFERENCE_LORAS] } = options;
    await using resources = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'latentmesh-mesh-'));
    resources.defer(() => rm(folder, { recursive: true, force: true }));
    const pids = new Map<string, number>();
    const log: string[] = [];
    const { NATS_URL: _, ...ownEnv } = process.env;
    const mesh = await startLocalMesh({
      model: model === 'small' ? await copySmallModel(REFERENCE_MODEL, folder) : model,
      natsPort: 0,
      httpPort,
      controlnets: [],
      loras,
      embeddings: [],
      replicas: { ...Object.fromEntries(ROLES.map((role) => [role, 1])), ...replicas } as Record<Role, number>,
      isQuiet: true,
      isVerbose: false,
      stateFolder: folder,
      logFolder: join(folder, 'logs'),
      env: { ...ownEnv, ...env },
      onLine: (name, line) => log.push(`${name} ${line}`),
      onNotice: (text) => log.push(text),
      onProcesses: (processes) => {
        for (const { name, pid } of processes) pids.set(name, pid);
      },
    });
    resources.defer(() => mesh.drain());
    const { httpUrl } = await Promise.race([mesh.ready, mesh.failed]);
    const transport = await connectNats({
      url: mesh.natsUrl,
      name: 'test',
      identity: 'client',
      ...(env.LATENTMESH_NATS_KEYS && { nkeyFile: seedFile(env.LATENTMESH_NATS_KEYS, 'client') }),
      caFile: env.LATENTMESH_NATS_CA_FILE,
    });
    resources.defer(() => transport.close());
    return new TestMesh({ natsUrl: mesh.natsUrl, httpUrl, transport, log, pids, resources: resources.move() });
  }

  /** One generation over NATS. @throws MeshError the mesh's */
  async generate(input: GenerateInput, headers: Record<string, string> = {}): Promise<GenerateReply> {
    const options = { timeoutMs: JOB_TIMEOUT_MS, headers };
    return (await requestJson(this.transport, subjects.generate, input, options)) as GenerateReply;
  }

  /** Any request of the doors. @throws MeshError the mesh's */
  ask(subject: string, body: unknown): Promise<unknown> {
    return requestJson(this.transport, subject, body, { timeoutMs: JOB_TIMEOUT_MS });
  }

  async record(job: string): Promise<Omit<JobRecord, 'reply_to'>> {
    return JobRecord.omit({ reply_to: true }).parse(await this.ask(subjects.jobs, { job }));
  }

  /** The PNG of a picture, inline or from the object store. */
  async png(reply: GenerateReply, index = 0): Promise<Uint8Array> {
    const { b64_json: inline, object } = reply.images[index]!;
    return inline === undefined ? readObject(this.transport.connection, object!) : Buffer.from(inline, 'base64');
  }

  /** Resolves with the first event of a job that `matches`. */
  async event(job: string, matches: (event: JobEvent) => boolean): Promise<JobEvent> {
    const { promise, resolve: found } = Promise.withResolvers<JobEvent>();
    const subscription = subscribeJson(this.transport, subjects.events(job), (body) => {
      const event = JobEvent.parse(body);
      if (matches(event)) found(event);
    });
    await this.transport.flush();
    return promise.finally(() => subscription.drain());
  }

  /** Resolves with the first heartbeat that `matches`. */
  heartbeat(matches: (heartbeat: Heartbeat) => boolean): Promise<Heartbeat> {
    const { promise, resolve: found } = Promise.withResolvers<Heartbeat>();
    const subscription = this.transport.subscribe(subjects.heartbeats, ({ payload }) => {
      const heartbeat = Heartbeat.parse(decode(new Uint8Array(payload)).body);
      if (matches(heartbeat)) found(heartbeat);
    });
    return promise.finally(() => subscription.drain());
  }

  /** Resolves with the instance that is asked next for an operation; what is sent after this call is not missed. */
  nextRequest(role: Role, operation: string): Promise<string> {
    return new Promise((resolve) => {
      const subscription = this.transport.subscribe(`${subjects.role(role, operation)}.*`, ({ subject }) => {
        // At once: a listener counts as somebody who could answer.
        subscription.unsubscribe();
        resolve(subject.split('.').at(-1)!);
      });
    });
  }

  /** Everyone who is there, as a gateway sees it. */
  async instances(): Promise<readonly Heartbeat[]> {
    return MeshStatus.parse(await this.ask(subjects.status, {})).instances;
  }

  /** The process that an instance is, by its name here. */
  async processOf(instance: string): Promise<string> {
    return processName((await this.instances()).find((one) => one.instance === instance)!);
  }

  /** Resolves when a process that dies or leaves after this call has been started again and is ready. */
  async newcomer(process: string): Promise<void> {
    const nowMs = Date.now();
    await this.heartbeat((one) => processName(one) === process && one.started_unix_ms > nowMs);
  }

  /** Process of a service (`denoiser`, `denoiser-1`) or of `nats-server`, as it runs now. */
  pid(name: string): number {
    const pid = this.#pids.get(name);
    if (pid === undefined) throw new Error(`There is no process ${name}: ${[...this.#pids.keys()].join(', ')}.`);
    return pid;
  }

  /** Resolves when our own connection is lost, or back, the next time. */
  connection(wanted: 'disconnected' | 'connected'): Promise<void> {
    const { promise, resolve: changed } = Promise.withResolvers<void>();
    const unlisten = this.transport.onStatus(({ type }) => type === wanted && changed());
    return promise.finally(unlisten);
  }

  /** Sends a signal to one process, once the server knows what we listen to: the last word of a process comes once. */
  async signal(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.transport.flush();
    process.kill(this.pid(name), signal);
  }

  /** Kills a process as a crash would; resolves when the one that is started instead is in the mesh. */
  async restart(name: string): Promise<void> {
    const isBack = name === 'nats-server' ? this.connection('connected') : this.newcomer(name);
    await this.signal(name);
    await isBack;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** The slot of `denoiser` is `denoiser-0@…`, that of `denoiser-1` `denoiser-1@…`. */
function processName({ role, slot }: Heartbeat): string {
  const [, index] = /-(\d+)@/.exec(slot)!;
  return index === '0' ? role : `${role}-${index}`;
}
