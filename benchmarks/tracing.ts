/** What it costs that every job is traced: the rate of jobs with spans, made, kept and sent, to the rate without any. */
import { join } from 'node:path';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { requestJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { BenchMesh } from './local-mesh.ts';
import { median } from './statistics.ts';

const GOAL_PERCENT = 2;
const STEPS = 20;
/** Jobs that one mesh makes before it is the other's turn; two at a time, so that stages overlap. */
const JOBS_A_TURN = 16;
const AT_ONCE = 2;
const TURNS = 16;
const TIMEOUT_MS = 60_000;

export const tracing: Benchmark = {
  name: 'tracing',
  title: 'What tracing every job costs',
  measured: `two meshes of the pocket model by turns, one as it comes (every job traced, spans stored in NATS), one with OTEL_SDK_DISABLED: ${JOBS_A_TURN} jobs of ${STEPS} steps, ${AT_ONCE} at a time, in each turn; the mesh whose turn it is not is idle`,
  notMeasured: 'an exporter to an OTLP back end beside it',
  run: measure,
};

/** Jobs a second of a turn of each. */
interface Turn {
  readonly traced: number;
  readonly untraced: number;
}

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const model = join(PROJECT_FOLDER, 'models', 'pocket');
  await using traced = await BenchMesh.start(model);
  await using untraced = await BenchMesh.start(model, [], { OTEL_SDK_DISABLED: 'true' });
  await jobsPerSecond(traced); // compiles, loads
  await jobsPerSecond(untraced);
  const turns: Turn[] = [];
  for (let i = 0; i < (isQuick ? 2 : TURNS); i++) {
    turns.push(await turn(i, { traced, untraced }));
    note(`turn ${i + 1}: ${rounded(turns[i]!.traced)} and ${rounded(turns[i]!.untraced)} jobs a second`);
  }
  return finding(turns);
}

/** Who is first changes, as what a machine does beside it may. */
async function turn(index: number, meshes: Record<keyof Turn, BenchMesh>): Promise<Turn> {
  if (index % 2 === 0) {
    const traced = await jobsPerSecond(meshes.traced);
    return { traced, untraced: await jobsPerSecond(meshes.untraced) };
  }
  const untraced = await jobsPerSecond(meshes.untraced);
  return { traced: await jobsPerSecond(meshes.traced), untraced };
}

async function jobsPerSecond({ transport }: BenchMesh): Promise<number> {
  const startedMs = performance.now();
  let left = JOBS_A_TURN;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const request = { prompt: 'a red boat on the sea', steps: STEPS };
      await requestJson(transport, subjects.generate, request, { timeoutMs: TIMEOUT_MS });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return (JOBS_A_TURN * 1000) / (performance.now() - startedMs);
}

function finding(turns: readonly Turn[]): Finding {
  const costs = turns.map(({ traced, untraced }) => (untraced / traced - 1) * 100);
  const cost = median(costs);
  const [traced, untraced] = [median(turns.map((one) => one.traced)), median(turns.map((one) => one.untraced))];
  return {
    table: {
      columns: ['turns', 'jobs/s traced', 'jobs/s without spans', 'cost %, median of turns', 'least', 'most'],
      rows: [[turns.length, ...[traced, untraced, cost, Math.min(...costs), Math.max(...costs)].map(rounded)]],
    },
    goals: [atMost('throughput that tracing costs, median of turns', GOAL_PERCENT, cost, ' %')],
    plot: {
      title: 'Jobs with and without spans',
      unit: 'jobs a second',
      bars: [
        { label: 'every job traced', value: traced },
        { label: 'no spans', value: untraced },
      ],
    },
    samples: turns,
  };
}
