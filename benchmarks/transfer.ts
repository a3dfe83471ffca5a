/** How long a ControlNet's residuals travel from one process to another, by every way there is. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsServer } from '#infra/nats/start-server.ts';
import type { Transfer } from '#shared/bus/bus.ts';
import { DirectPath } from '#shared/bus/direct-path.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { f32, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { median } from './statistics.ts';

const DIRECT_GOAL_MS = 10;
const CHUNKS_GOAL_MS = 60;
const TIMEOUT_MS = 60_000;
/** The first ones compile code and find their buffers. */
const WARM_UPS = 4;

export const transfer: Benchmark = {
  name: 'transfer',
  title: 'The residuals of a ControlNet, from process to process',
  measured:
    'a call with the latents of a step, from the caller’s `call` until it holds every residual as a tensor: 27 MB (SD 1.5 at 512², one picture) and 107 MB (SDXL at 1024²), over a unix socket, over TCP on the loopback, and in chunks through nats-server; the callee answers at once with arrays that were just written. And a call without residuals, and one whose request is a hint with its embeddings',
  notMeasured: 'a network between two hosts; what the device does with the residuals',
  run: measure,
};

type Way = 'unix' | 'tcp' | 'chunks';
type Payload = 'none' | 'sd15' | 'sdxl';

interface Row {
  readonly label: string;
  readonly route: Transfer['route'];
  readonly bytes: number;
  readonly callMs: readonly number[];
}

const LATENTS: TensorMap = { latents: f32([1, 4, 64, 64]) };
/** What opens a session at 512² with guidance. */
const HINT: TensorMap = {
  hint: tensor('u8', [1, 3, 512, 512], new Uint8Array(3 * 512 * 512)),
  prompt_embeds: f32([2, 77, 768]),
};

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  await using bench = await TransferBench.start();
  const times = isQuick ? 10 : 50;
  const rows: Row[] = [];
  const add = async (label: string, way: Way, payload: Payload, request = LATENTS): Promise<Row> => {
    const row = await bench.measure(label, { way, payload, request, times });
    rows.push(row);
    note(`${label}: ${rounded(median(row.callMs))} ms`);
    return row;
  };
  await add('no residuals', 'unix', 'none');
  await add('hint and embeddings, no residuals', 'unix', 'none', HINT);
  const unix = await add('27 MB, unix socket', 'unix', 'sd15');
  await add('27 MB, TCP', 'tcp', 'sd15');
  const chunks = await add('27 MB, chunks over NATS', 'chunks', 'sd15');
  await add('107 MB, unix socket', 'unix', 'sdxl');
  await add('107 MB, TCP', 'tcp', 'sdxl');
  await add('107 MB, chunks over NATS', 'chunks', 'sdxl');
  return {
    table: {
      columns: ['what', 'route', 'MB', 'median ms', 'worst ms', 'GB/s'],
      rows: rows.map(({ label, route, bytes, callMs }) => [
        label,
        route,
        rounded(bytes / 1e6),
        rounded(median(callMs)),
        rounded(Math.max(...callMs)),
        rounded(bytes / 1e6 / median(callMs)),
      ]),
    },
    goals: [
      atMost('27 MB directly, median', DIRECT_GOAL_MS, median(unix.callMs), ' ms'),
      atMost('27 MB in chunks over NATS, median', CHUNKS_GOAL_MS, median(chunks.callMs), ' ms'),
    ],
    plot: {
      title: 'A reply of residuals, from call to tensors',
      unit: 'ms',
      bars: rows.map(({ label, callMs }) => ({ label, value: median(callMs) })),
    },
    samples: rows,
  };
}

/** Whom to call by which way. */
type Callers = Readonly<Record<Way, { readonly bus: MeshBus; readonly subject: string }>>;

/** A nats-server, two callees in processes of their own, and a caller here for each way. */
class TransferBench implements AsyncDisposable {
  readonly #callers: Callers;
  readonly #resources: AsyncDisposableStack;

  private constructor(callers: Callers, resources: AsyncDisposableStack) {
    this.#callers = callers;
    this.#resources = resources;
  }

  static async start(): Promise<TransferBench> {
    await using resources = new AsyncDisposableStack();
    const storeDir = await mkdtemp(join(tmpdir(), 'latentmesh-bench-'));
    resources.defer(() => rm(storeDir, { recursive: true, force: true }));
    const nats = await startNatsServer({ storeDir });
    resources.defer(() => nats.stop());
    for (const way of ['unix', 'tcp']) {
      const script = join(import.meta.dirname, 'transfer-callee.ts');
      const child = fork(script, [nats.url, subjectOf(way), way]);
      const gone = once(child, 'exit');
      resources.defer(async () => {
        child.disconnect();
        await gone;
      });
      await once(child, 'message');
    }
    const caller = async (direct?: DirectPath): Promise<MeshBus> => {
      const connection = await connectNats({ url: nats.url, name: 'latentmesh-bench' });
      const bus = new MeshBus(connection, { instance: 'bench', ...(direct && { direct }) });
      resources.defer(() => bus.stop());
      return bus;
    };
    const [direct, indirect] = [await caller(await DirectPath.open()), await caller()];
    const callers = {
      unix: { bus: direct, subject: subjectOf('unix') },
      tcp: { bus: direct, subject: subjectOf('tcp') },
      chunks: { bus: indirect, subject: subjectOf('unix') },
    };
    return new TransferBench(callers, resources.move());
  }

  async measure(
    label: string,
    { way, payload, request, times }: { way: Way; payload: Payload; request: TensorMap; times: number },
  ): Promise<Row> {
    const { bus, subject } = this.#callers[way];
    const callMs: number[] = [];
    let told: Transfer | undefined;
    for (let i = 0; i < WARM_UPS + times; i++) {
      const startedMs = performance.now();
      await bus.call(subject, message(payload, request), {
        deadlineUnixMs: Date.now() + TIMEOUT_MS,
        hasOneCallee: true,
        onReply: (transfer) => {
          told = transfer;
        },
      });
      if (i >= WARM_UPS) callMs.push(performance.now() - startedMs);
    }
    const { route, sizeBytes: bytes } = told!;
    if (payload !== 'none' && route !== way) throw new MeshError('INTERNAL', `${label} came by ${route}.`);
    return { label, route, bytes, callMs };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

function subjectOf(way: string): string {
  return `latentmesh.v1.actor.bench.${way}`;
}
