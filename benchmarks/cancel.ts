/** How soon a cancelled job gives its device to the next one. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { requestJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint } from './checkpoints.ts';
import { networkTime } from './critical-path.ts';
import { BenchMesh } from './local-mesh.ts';
import { median } from './statistics.ts';

const GOAL_HALVES = 1;
const STEPS = 20;
const SIDE = 512;
const TIMEOUT_MS = 60_000;
/** Moments of a step, as fractions of it. */
const PHASES = [0.1, 0.3, 0.5, 0.7, 0.9];

export const cancel: Benchmark = {
  name: 'cancel',
  title: 'From a cancel to a free device',
  measured:
    'two jobs on one denoiser of the size of SD 1.5 at 512×512: from the cancel of the first, at several moments of a step, until the first run of the second starts; in units of the time that the longer half of the UNet takes',
  notMeasured: 'cancelling while a LoRA is patched or the VAE decodes',
  run: measure,
};

interface Sample {
  /** Of a step, 0 … 1. */
  readonly phase: number;
  readonly freeMs: number;
}

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  await using mesh = await BenchMesh.start(await checkpoint('sd15'));
  const events = new StepEvents(mesh);
  const { spans } = await mesh.generate({ prompt: 'a boat', steps: 1, width: SIDE, height: SIDE });
  const { downMs, upMs } = networkTime(spans);
  const halfMs = Math.max(downMs, upMs);
  const samples: Sample[] = [];
  for (const phase of isQuick ? PHASES.slice(1, 3) : PHASES) {
    const freeMs = await cancelAt(mesh, events, phase * (downMs + upMs));
    samples.push({ phase, freeMs });
    note(`at ${phase} of a step: ${rounded(freeMs / halfMs)} halves`);
  }
  const halves = samples.map(({ freeMs }) => freeMs / halfMs);
  return {
    table: {
      columns: ['cancelled at, of a step', 'device free after ms', 'halves'],
      rows: samples.map(({ phase, freeMs }, i) => [phase, Math.round(freeMs), rounded(halves[i]!)]),
    },
    goals: [
      atMost('device free, worst, in halves of a step', GOAL_HALVES, Math.max(...halves)),
      atMost('device free, median, in halves of a step', GOAL_HALVES, median(halves)),
    ],
    plot: {
      title: 'From a cancel to a free device',
      unit: 'halves of a step',
      bars: samples.map(({ phase }, i) => ({ label: `cancelled at ${phase} of a step`, value: halves[i]! })),
      goal: GOAL_HALVES,
    },
    samples: { downMs, upMs, samples },
  };
}

/** Cancels a job so long after the end of its first step that another waits behind it. @returns ms until the other runs */
async function cancelAt(mesh: BenchMesh, events: StepEvents, afterMs: number): Promise<number> {
  const [first, second] = [randomUUID(), randomUUID()];
  const submit = (job: string): Promise<unknown> =>
    mesh.generate({ job, prompt: job, steps: STEPS, width: SIDE, height: SIDE }).catch(() => {}); // ends cancelled
  const firstStep = events.next(first);
  const ended = [submit(first)];
  await firstStep;
  ended.push(submit(second));
  await delay(afterMs);
  const cancelledUnixMs = Date.now();
  await ask(mesh, subjects.cancel, first);
  await events.next(second);
  const record = await ask(mesh, subjects.cancel, second);
  await Promise.all(ended);
  const spans = await mesh.spans(record.trace_id);
  const starts = spans.filter((span) => span.name.startsWith('run unet.down')).flatMap(runtimeStartUnixMs);
  return Math.min(...starts) - cancelledUnixMs;
}

/** A run's span begins where it queues for the device; a run that was cancelled does not say how long it took. */
function runtimeStartUnixMs(span: SpanRecord): number[] {
  const runMs = span.attributes['latentmesh.run_ms'];
  return typeof runMs === 'number' ? [Number(BigInt(span.endUnixNano) / 1_000_000n) - runMs] : [];
}

function ask(mesh: BenchMesh, subject: string, job: string): Promise<JobRecord> {
  return requestJson(mesh.transport, subject, { job }, { timeoutMs: TIMEOUT_MS }) as Promise<JobRecord>;
}

/** Steps of jobs, as they end. */
class StepEvents {
  readonly #steps = new EventTarget();

  constructor(mesh: BenchMesh) {
    mesh.onEvent((event) => event.type === 'progress' && this.#steps.dispatchEvent(new Event(event.job)));
  }

  async next(job: string): Promise<void> {
    await once(this.#steps, job);
  }
}
