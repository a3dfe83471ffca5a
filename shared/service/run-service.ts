/**
 * The life of a service process, the same for every role: connect, load, serve, tell the mesh once a second, drain on
 * SIGTERM. `main.ts` of a service hands in what is its own.
 */
import { randomBytes } from 'node:crypto';
import type { Bus, Subscription } from '#shared/bus/bus.ts';
import { DirectPath } from '#shared/bus/direct-path.ts';
import { type JsonEndpoint, publishJson, serveJson } from '#shared/bus/door.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { announceService } from '#shared/bus/micro.ts';
import type { NatsTransport } from '#shared/bus/nats-transport.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import type { SlowTransfer } from '#shared/bus/slow-links.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { type Config, readConfig } from '#shared/config/config.ts';
import { HEARTBEAT_MS, type Heartbeat, type Role } from '#shared/contracts/heartbeat.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { Directory } from '#shared/placement/directory.ts';
import { MeshClient } from '#shared/placement/mesh-client.ts';
import { startTelemetry, type Telemetry } from '#shared/telemetry/start.ts';
import { message } from '#shared/wire/message.ts';
import { clearHealth, type Health, writeHealth } from './health-file.ts';
import { processMetrics } from './process-metrics.ts';
import { type ServedOperation, serveOperation } from './serve.ts';
import { report } from './supervised.ts';
import { VERSION } from './version.ts';

/** What a service is given. */
export interface ServiceContext {
  readonly config: Config;
  readonly instance: string;
  readonly log: Telemetry['log'];
  readonly transport: NatsTransport;
  readonly bus: Bus;
  readonly directory: Directory;
  readonly mesh: MeshClient;
  /** To be called when the load changed by more than a call that a caller counts itself: tells the mesh before the next heartbeat. */
  readonly tellSoon: () => void;
}

/** What a service is. */
export interface ServiceParts {
  readonly operations: readonly ServedOperation[];
  /** Whoever takes the work: says how busy it is, and finishes what it has. */
  readonly actor: { readonly load: number; readonly capacity: number; drain(): Promise<void>; stop(): Promise<void> };
  /** The part of the heartbeat that is the service's own. */
  describe(): Pick<Heartbeat, 'device' | 'model' | 'holds' | 'turn_ms' | 'load_ms' | 'resident_bytes' | 'budget_bytes'>;
  /** Frees what was opened; after draining. */
  close(): Promise<void>;
  /** Where it listens for HTTP, if it does. */
  readonly http?: string;
  /** Endpoints beside its operations: the doors of a gateway. */
  readonly doors?: readonly JsonEndpoint[];
}

/** A supervisor that dies takes its services along: `disconnect` is the end of its channel. */
const DRAIN_ON = ['SIGTERM', 'SIGINT', 'disconnect'] as const;

/** What is left to do after the grace time: tell callers, close the connection. Without a server that would wait for ever, ms. */
const LEAVE_MS = 1500;

/** Without our own heartbeat for so long, the way to the server is closed, though the connection stands: two of them. */
const SELF_SILENCE_MS = 2 * HEARTBEAT_MS;

/** A change is told behind the answer that made it: until then its caller counts it, ms. */
const TELL_SOON_MS = 5;

/** Exit status of a process that met an error nobody handled (EX_SOFTWARE of sysexits.h). */
const EXIT_UNHANDLED = 70;

/** Runs a service until SIGTERM or SIGINT. Errors while starting are told to the supervisor and end the process. */
export async function runService(role: Role, build: (context: ServiceContext) => Promise<ServiceParts>): Promise<void> {
  try {
    const config = readConfig(role, process.env);
    const service = new Service(role, config);
    // From the start: the first process of a container has no default for a signal, and would be waited for in vain.
    for (const event of DRAIN_ON) process.once(event, () => void service.drain());
    await service.start(build);
  } catch (thrown) {
    const { code, message: text } = MeshError.from(thrown);
    await report({ type: 'fatal', code, message: text });
    process.stderr.write(`${JSON.stringify({ level: 60, role, code, msg: text })}\n`);
    process.exit(1);
  }
}

class Service {
  readonly #role: Role;
  readonly #config: Config;
  readonly #instance: string;
  readonly #telemetry: Telemetry;
  readonly #startedUnixMs = Date.now();
  #context: ServiceContext | undefined;
  #parts: ServiceParts | undefined;
  #subscriptions: Subscription[] = [];
  #heartbeat: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #isLeaving = false;
  /** When our own last heartbeat came back to us. */
  #heardSelfUnixMs = Date.now();

  constructor(role: Role, config: Config) {
    this.#role = role;
    this.#config = config;
    this.#instance = `${role}-${randomBytes(4).toString('hex')}`;
    const { logLevel } = config;
    this.#telemetry = startTelemetry({ role, instance: this.#instance, version: VERSION, logLevel });
    process.on('unhandledRejection', (reason) => {
      this.#telemetry.log.error({ err: reason }, 'An error that nobody handled.');
      process.exit(EXIT_UNHANDLED);
    });
  }

  async start(build: (context: ServiceContext) => Promise<ServiceParts>): Promise<void> {
    const { natsUrl: url, natsNkeyFile: nkeyFile, natsCaFile: caFile } = this.#config;
    const transport = await connectNats({ url, name: this.#instance, identity: this.#role, nkeyFile, caFile });
    transport.onStatus((status) => {
      if (status.type === 'error')
        this.#telemetry.log.error({ reason: status.error.message }, 'NATS refuses something.');
    });
    const direct = await DirectPath.open({ tcpHost: this.#config.directHost });
    const onSlowLink = (slow: SlowTransfer): void => warnOf(slow, this.#telemetry.log);
    const bus = new MeshBus(transport, { instance: this.#instance, direct, onSlowLink });
    const directory = new Directory({ now: Date.now, onReplaced: (former) => bus.onCallerGone(former) });
    bus.subscribe(subjects.heartbeats, (content) => this.#hear(directory, content.body));
    const mesh = new MeshClient({ bus, directory });
    transport.onStatus(({ type }) => type === 'connected' && directory.excuse());
    const { log } = this.#telemetry;
    const tellSoon = (): void => this.#tellSoon();
    this.#context = { config: this.#config, instance: this.#instance, log, transport, bus, directory, mesh, tellSoon };
    this.#telemetry.listen((traceId, spans) => publishJson(transport, subjects.spans(traceId), spans));
    clearHealth(this.#config.healthFile);
    this.#parts = await build(this.#context);
    this.#subscriptions = this.#parts.operations.flatMap((one) => serveOperation(bus, one, this.#instance));
    this.#subscriptions.push(this.#serveMetrics(transport));
    this.#announce(transport, bus);
    this.#beat();
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    const { http } = this.#parts;
    await bus.flush(); // so that the server knows the subscriptions before anyone is told
    await report({ type: 'ready', role: this.#role, instance: this.#instance, ...(http && { http }) });
    log.info({ ready_ms: Date.now() - this.#startedUnixMs }, 'Ready.');
    await this.#telemetry.exportIfAsked();
  }

  /** Takes nothing new, finishes what runs (within the grace time), tells the mesh, ends. */
  async drain(): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (!this.#context || !this.#parts) process.exit(0); // nobody has been told of it yet
    const { bus, log } = this.#context;
    const { actor, close, doors } = this.#parts;
    log.info({ load: actor.load }, 'Draining.');
    this.#beat();
    const { graceMs } = this.#config;
    const grace = setTimeout(() => void actor.stop(), graceMs);
    // Not `process.exit`, which waits for a run in the worker.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs + LEAVE_MS);
    const incoming = [...this.#subscriptions, ...(doors ?? [])];
    await Promise.all([...incoming.map((one) => one.drain()), actor.drain()]);
    clearTimeout(grace);
    clearInterval(this.#heartbeat);
    clearTimeout(this.#soon);
    await close();
    await this.#telemetry.shutdown();
    await bus.close();
    process.exit(0);
  }

  /** A newcomer is greeted at once, so that it need not wait for the next heartbeat to know whom to ask. */
  #hear(directory: Directory, body: unknown): void {
    if ((body as Partial<Heartbeat> | null)?.instance === this.#instance) this.#heardSelfUnixMs = Date.now();
    if (directory.hear(body) && this.#heartbeat) this.#beat();
  }

  #tellSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#beat();
    }, TELL_SOON_MS);
  }

  #beat(): void {
    const { bus, directory, transport } = this.#context!;
    const { actor, describe } = this.#parts!;
    // Our own heartbeat comes back by way of the server. While it does not, the silence of others says nothing of them.
    const isHeard = Date.now() - this.#heardSelfUnixMs < SELF_SILENCE_MS;
    if (transport.isConnected) isHeard ? directory.sweep() : directory.excuse();
    const heartbeat: Heartbeat = {
      role: this.#role,
      instance: this.#instance,
      slot: this.#config.slot,
      ...describe(),
      load: actor.load,
      capacity: actor.capacity,
      leaving: this.#isLeaving,
      started_unix_ms: this.#startedUnixMs,
      rss_bytes: process.memoryUsage.rss(),
    };
    bus.publish(subjects.heartbeat(this.#role, this.#instance), message(heartbeat));
    writeHealth(this.#config.healthFile, this.#health(transport.isConnected));
  }

  #health(isConnected: boolean): Health {
    if (this.#isLeaving) return 'leaving';
    return isConnected ? 'ready' : 'disconnected';
  }

  /** Everyone answers: a gateway asks all at once. */
  #serveMetrics(transport: NatsTransport): Subscription {
    return serveJson(transport, subjects.metrics, async () => ({
      role: this.#role,
      slot: this.#config.slot,
      families: [...processMetrics(), ...this.#telemetry.metrics()],
    }));
  }

  #announce(transport: NatsTransport, bus: MeshBus): void {
    announceService(transport, {
      name: `latentmesh-${this.#role}`,
      id: this.#instance,
      version: VERSION,
      description: `latentmesh ${this.#role}`,
      metadata: { slot: this.#config.slot },
      endpoints: () => [...(this.#parts?.doors ?? []).map((door) => door.stats()), ...bus.endpoints()],
    });
  }
}

function warnOf({ instance, route, sizeBytes, durationMs }: SlowTransfer, log: Telemetry['log']): void {
  const fields = { from: instance, route, bytes: sizeBytes, ms: Math.round(durationMs) };
  log.warn(fields, 'Large replies come slowly by this link; told once.');
}
