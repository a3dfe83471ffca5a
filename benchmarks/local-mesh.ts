/** A mesh to measure: the supervisor as `npm start` runs it, with a state folder of its own, and a client beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PROJECT_FOLDER, readLiveState } from '#infra/mesh/state-file.ts';
import { publishJson, requestJson, subscribeJson } from '#shared/bus/door.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { readSpans } from '#shared/bus/span-stream.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import type { JobEvent } from '#shared/contracts/jobs.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { MeshError, type WireError } from '#shared/errors/errors.ts';

/** A finished job as its caller saw it, and what the mesh says of it. */
export interface MeasuredJob {
  /** From the request's leaving to the reply's coming, ms. */
  readonly wallMs: number;
  readonly reply: GenerateReply;
  readonly spans: readonly SpanRecord[];
}

const JOB_TIMEOUT_MS = 30 * 60_000;
/** Spans leave their process 100 ms after they ended; the last ones take this long to be stored, ms. */
const SPANS_SETTLE_MS = 400;

type SupervisorMessage =
  | { readonly type: 'ready'; readonly natsUrl: string; readonly httpUrl: string }
  | ({ readonly type: 'fatal' } & WireError);

/** See the head of this file. */
export class BenchMesh implements AsyncDisposable {
  readonly natsUrl: string;
  readonly transport: NatsTransport;
  readonly httpUrl: string;
  /** From the start of the supervisor to every service's being ready, ms. */
  readonly readyMs: number;
  readonly #supervisor: ChildProcess;
  readonly #stateFolder: string;

  private constructor(parts: {
    natsUrl: string;
    transport: NatsTransport;
    httpUrl: string;
    readyMs: number;
    supervisor: ChildProcess;
    stateFolder: string;
  }) {
    this.natsUrl = parts.natsUrl;
    this.transport = parts.transport;
    this.httpUrl = parts.httpUrl;
    this.readyMs = parts.readyMs;
    this.#supervisor = parts.supervisor;
    this.#stateFolder = parts.stateFolder;
  }

  /**
   * model    folder of the checkpoint
   * options  of `npm start`, further ones
   * env      for all of its processes
   */
  static async start(
    model: string,
    options: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<BenchMesh> {
    const stateFolder = await mkdtemp(join(tmpdir(), 'latentmesh-bench-'));
    const startedMs = performance.now();
    const supervisor = spawn(
      process.execPath,
      [join(PROJECT_FOLDER, 'infra', 'mesh', 'main.ts'), '--quiet', '--model', model, ...options],
      {
        env: { ...withoutNats(process.env), ...env, LATENTMESH_STATE_DIR: stateFolder },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      },
    );
    const { natsUrl, httpUrl } = await ready(supervisor);
    const readyMs = performance.now() - startedMs;
    const transport = await connectNats({ url: natsUrl, name: 'latentmesh-bench' });
    return new BenchMesh({ natsUrl, transport, httpUrl, readyMs, supervisor, stateFolder });
  }

  /** Runs one job to its end and gathers its spans. */
  async generate(request: GenerateInput): Promise<MeasuredJob> {
    const startedMs = performance.now();
    const reply = (await requestJson(this.transport, subjects.generate, request, {
      timeoutMs: JOB_TIMEOUT_MS,
    })) as GenerateReply;
    const wallMs = performance.now() - startedMs;
    return { wallMs, reply, spans: await this.spans(reply.trace_id) };
  }

  /** Every span of a job that is over. */
  async spans(traceId: string): Promise<SpanRecord[]> {
    await delay(SPANS_SETTLE_MS);
    return readSpans(this.transport.connection, traceId);
  }

  /** Hands on the events of every job. */
  onEvent(handler: (event: JobEvent) => void): void {
    subscribeJson(this.transport, subjects.allEvents, (event) => handler(event as JobEvent));
  }

  /** Tells an event as the mesh itself would. */
  tell(event: JobEvent): void {
    publishJson(this.transport, subjects.events(event.job), event);
  }

  /** Process of a service, as it runs now. */
  async pid(name: string): Promise<number> {
    const state = await readLiveState(this.#stateFolder);
    return state!.processes.find((process) => process.name === name)!.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
    const gone = new Promise((done) => this.#supervisor.once('close', done));
    this.#supervisor.kill('SIGTERM');
    await gone;
    await rm(this.#stateFolder, { recursive: true, force: true });
  }
}

/** A benchmark measures its own mesh, not one that is named in the environment. */
function withoutNats({ NATS_URL: _, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env;
}

function ready(supervisor: ChildProcess): Promise<{ readonly natsUrl: string; readonly httpUrl: string }> {
  return new Promise((resolve, reject) => {
    supervisor.once('message', (message: SupervisorMessage) => {
      if (message.type === 'ready') resolve(message);
      else reject(MeshError.fromWire(message));
    });
    supervisor.once('close', (code) => reject(new MeshError('INTERNAL', `The mesh ended with status ${code}.`)));
  });
}
