/** How long a ControlNet's residuals travel from one process to another, by every way there is. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceEnvironment } from '#infra/mesh/service-environment.ts';
import { startNatsServer } from '#infra/nats/start-server.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { median } from './statistics.ts';
import type { TransferOrder, TransferTimes } from './transfer-caller.ts';

const DIRECT_GOAL_MS = 10;
const CHUNKS_GOAL_MS = 60;

export const transfer: Benchmark = {
  name: 'transfer',
  title: 'The residuals of a ControlNet, from process to process',
  measured:
    'a call with the latents of a step, from the caller’s `call` until it holds every residual as a tensor: 27 MB (SD 1.5 at 512², one picture) and 107 MB (SDXL at 1024²), over a unix socket, over TCP on the loopback, and in chunks through nats-server; the callee answers at once with arrays that it has. And a call without residuals, and one whose request is a hint with its embeddings',
  notMeasured: 'a network between two hosts; what the device does with the residuals',
  run: measure,
};

type Way = 'unix' | 'tcp' | 'chunks';

interface Row extends TransferTimes {
  readonly label: string;
}

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  await using bench = await TransferBench.start();
  const rows: Row[] = [];
  const add = async (label: string, way: Way, payload: TransferOrder['payload'], hasHint = false): Promise<Row> => {
    const times = await bench.measure(way, { payload, hasHint, times: isQuick ? 10 : 50 });
    if (payload !== 'none' && times.route !== way) throw new MeshError('INTERNAL', `${label} came by ${times.route}.`);
    const row = { label, ...times };
    rows.push(row);
    note(`${label}: ${rounded(median(row.callMs))} ms`);
    return row;
  };
  await add('no residuals', 'unix', 'none');
  await add('hint and embeddings, no residuals', 'unix', 'none', true);
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

/** A nats-server, two callees and a caller, each in a process as the mesh starts its services. */
class TransferBench implements AsyncDisposable {
  readonly #caller: ChildProcess;
  readonly #resources: AsyncDisposableStack;

  private constructor(caller: ChildProcess, resources: AsyncDisposableStack) {
    this.#caller = caller;
    this.#resources = resources;
  }

  static async start(): Promise<TransferBench> {
    await using resources = new AsyncDisposableStack();
    const storeDir = await mkdtemp(join(tmpdir(), 'latentmesh-bench-'));
    resources.defer(() => rm(storeDir, { recursive: true, force: true }));
    const nats = await startNatsServer({ storeDir });
    resources.defer(() => nats.stop());
    for (const way of ['unix', 'tcp']) {
      await startProcess('transfer-callee.ts', [nats.url, subjectOf(way), way], resources);
    }
    const caller = await startProcess('transfer-caller.ts', [nats.url], resources);
    return new TransferBench(caller, resources.move());
  }

  async measure(way: Way, what: Omit<TransferOrder, 'subject' | 'isDirect'>): Promise<TransferTimes> {
    const order = { ...what, isDirect: way !== 'chunks', subject: subjectOf(way === 'tcp' ? 'tcp' : 'unix') };
    this.#caller.send(order satisfies TransferOrder);
    const [times] = await once(this.#caller, 'message');
    return times as TransferTimes;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** Resolves when it has said that it is ready; it ends with the resources. */
async function startProcess(
  script: string,
  args: readonly string[],
  resources: AsyncDisposableStack,
): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, script), args, { env: serviceEnvironment(process.env) });
  const gone = once(child, 'exit');
  resources.defer(async () => {
    child.disconnect();
    await gone;
  });
  await once(child, 'message');
  return child;
}

function subjectOf(way: string): string {
  return `latentmesh.v1.actor.bench.${way}`;
}
