/** The mesh that is tormented: a nats-server behind a proxy, two of most services, and a client that nothing befalls but the server. */
import { cp, link, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalMesh, startLocalMesh } from '#infra/mesh/local-mesh.ts';
import { ROLES } from '#infra/mesh/options.ts';
import { type NatsServer, startNatsServer } from '#infra/nats/start-server.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { Heartbeat, type Role } from '#shared/contracts/heartbeat.ts';
import { decode } from '#shared/wire/codec.ts';
import { REFERENCE_LORAS, REFERENCE_MODEL } from '../mesh/mesh-kit.ts';
import { copySmallModel } from '../mesh/small-model.ts';
import { NatsProxy } from './nats-proxy.ts';

const REPLICAS: Readonly<Record<Role, number>> = {
  gateway: 2,
  denoiser: 2,
  controlnet: 2,
  'text-encoder': 1,
  lora: 1,
  vae: 1,
};
/** Accepted jobs that may wait: more than the load of these tests, less than three times the capacity brings. */
const QUEUE = 12;

/** See the head of this file. */
export class Cluster implements AsyncDisposable {
  readonly folder: string;
  readonly proxy: NatsProxy;
  readonly transport: NatsTransport;
  readonly notices: string[];
  readonly mesh: LocalMesh;
  readonly #pids: Map<string, number>;
  readonly #started = new Map<string, number>();
  readonly #model: string;
  #nats: NatsServer;

  private constructor(parts: {
    folder: string;
    proxy: NatsProxy;
    transport: NatsTransport;
    notices: string[];
    mesh: LocalMesh;
    pids: Map<string, number>;
    nats: NatsServer;
    model: string;
  }) {
    this.folder = parts.folder;
    this.proxy = parts.proxy;
    this.transport = parts.transport;
    this.notices = parts.notices;
    this.mesh = parts.mesh;
    this.#pids = parts.pids;
    this.#nats = parts.nats;
    this.#model = parts.model;
    this.transport.subscribe(subjects.heartbeats, ({ payload }) => this.#hear(new Uint8Array(payload)));
  }

  static async start(): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'chaos-mesh-'));
    const nats = await startNatsServer({ storeDir: join(folder, 'nats') });
    const proxy = await NatsProxy.start(nats.port);
    const model = await copySmallModel(REFERENCE_MODEL, folder);
    await mkdir(join(folder, 'loras'), { recursive: true });
    for (const lora of ['a-kohya'])
      await cp(join(REFERENCE_LORAS, `${lora}.safetensors`), join(folder, 'loras', `${lora}.safetensors`));
    await cp(join(REFERENCE_LORAS, 'a-kohya.safetensors'), join(folder, 'loras', 'spoiled.safetensors'));
    const pids = new Map<string, number>();
    const notices: string[] = [];
    const { NATS_URL: _, ...own } = process.env;
    const mesh = await startLocalMesh({
      model,
      httpPort: 0,
      controlnets: [],
      loras: [join(folder, 'loras')],
      embeddings: [],
      replicas: REPLICAS,
      isQuiet: true,
      isVerbose: false,
      stateFolder: folder,
      logFolder: join(folder, 'logs'),
      env: { ...own, NATS_URL: proxy.url, LATENTMESH_QUEUE: `${QUEUE}`, LATENTMESH_THREADS: '1' },
      onLine: () => {},
      onNotice: (text) => notices.push(text),
      onProcesses: (processes) => {
        for (const { name, pid } of processes) pids.set(name, pid);
      },
    });
    await Promise.race([mesh.ready, mesh.failed]);
    const transport = await connectNats({ url: proxy.url, name: 'chaos' });
    return new Cluster({ folder, proxy, transport, notices, mesh, pids, nats, model });
  }

  /** `denoiser`, `denoiser-1` … */
  get services(): string[] {
    return [...this.#pids.keys()].filter((name) => ROLES.some((role) => name.startsWith(role)));
  }

  pid(name: string): number {
    return this.#pids.get(name)!;
  }

  get queue(): number {
    return QUEUE;
  }

  /** When the youngest instance of a service was started that has told so itself. */
  startedUnixMs(name: string): number {
    return this.#started.get(name) ?? 0;
  }

  /** Nothing happens to a process that has just died. */
  signal(name: string, signal: NodeJS.Signals): void {
    try {
      process.kill(this.pid(name), signal);
    } catch {
      // gone already
    }
  }

  async stopNats(signal: 'kill' | 'stop'): Promise<void> {
    await (signal === 'kill' ? this.#nats.kill() : this.#nats.stop());
  }

  async startNats(): Promise<void> {
    this.#nats = await startNatsServer({ storeDir: join(this.folder, 'nats'), port: this.#nats.port });
  }

  /** Cuts a LoRA's file in half; the function that is returned mends it. */
  async spoilLora(): Promise<() => Promise<void>> {
    const path = join(this.folder, 'loras', 'spoiled.safetensors');
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, whole.length / 2));
    return () => writeFile(path, whole);
  }

  /** Puts half of the UNet in the place of the whole, by a new file: who has it open keeps what it read. */
  async spoilModel(): Promise<() => Promise<void>> {
    const path = await unetFile(this.#model);
    const whole = `${path}.whole`;
    const half = `${path}.half`;
    const bytes = await readFile(path);
    await writeFile(half, bytes.subarray(0, bytes.length / 2));
    await link(path, whole);
    await rename(half, path);
    return () => rename(whole, path);
  }

  async log(name: string): Promise<string> {
    return readFile(join(this.folder, 'logs', `${name}.log`), 'utf8').catch(() => '');
  }

  #hear(payload: Uint8Array): void {
    const { slot, started_unix_ms } = Heartbeat.parse(decode(payload).body);
    const [, role = '', index] = /^(.*)-(\d+)@/.exec(slot) ?? [];
    const name = index === '0' ? role : `${role}-${index}`;
    this.#started.set(name, Math.max(this.startedUnixMs(name), started_unix_ms));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.proxy.partition(false);
    for (const name of this.services) this.signal(name, 'SIGCONT');
    await this.mesh.drain();
    await this.transport.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.#nats.kill();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function unetFile(model: string): Promise<string> {
  const folder = join(model, 'unet');
  const name = (await readdir(folder)).find((one) => one.endsWith('.safetensors'));
  return join(folder, name!);
}
