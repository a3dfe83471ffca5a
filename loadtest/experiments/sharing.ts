/** How many ControlNet devices a number of denoisers needs when they share them. */
import { atMost, type Table } from '../../benchmarks/benchmark.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import { type LoadRun, runOpenLoop } from '../open-loop.ts';
import { PUBLISHED } from '../workload/published-traffic.ts';
import type { Experiment, LoadFinding, LoadOptions } from './experiment.ts';
import { withMesh, withWarmFiles } from './systems.ts';
import { controlnetUtilisation, planTraffic, schedule, throughput } from './traffic.ts';

/** Parts of one device for each denoiser and ControlNet of a request. */
const PARTS = [1, 0.5, 0.375, 0.25];
const QUICK_PARTS = [1, 0.5];
const GOAL_PART = 0.5;
/** What still counts as the same p99. */
const SAME = 1.05;
/** Arrivals of each denoiser: half of what it could do, a picture taking some 2.9 s. */
const PICTURES_PER_DENOISER_S = 0.5 / 2.9;

interface Row {
  readonly devices: number;
  readonly part: number;
  readonly run: LoadRun;
  readonly histogram: LatencyHistogram;
}

/** See the head of this file. */
export const sharing: Experiment = {
  name: 'sharing',
  title: 'ControlNet devices that a mesh needs',
  measured:
    'the published traffic at one and the same arrival rate, half of what the denoisers can do, with fewer and fewer ControlNet devices; the most is one for each denoiser and ControlNet that a request may have, as dedicated ones would be',
  notMeasured: 'other rates; anything computed',
  run,
};

async function run(given: LoadOptions): Promise<LoadFinding> {
  const options = withWarmFiles(given);
  const denoiser = options.isQuick ? 2 : options.instances;
  const dedicated = denoiser * PUBLISHED[options.traffic].controlnetCounts.findLastIndex((share) => share > 0);
  const plan = planTraffic(options);
  const rows: Row[] = [];
  for (const part of options.isQuick ? QUICK_PARTS : PARTS) {
    const devices = Math.max(1, Math.round(dedicated * part));
    options.note(`latentmesh with ${denoiser} denoisers and ${devices} ControlNet devices`);
    const replicas = { denoiser, controlnet: devices };
    const seen = await withMesh(options, { pictures: plan.pictures, replicas }, (mesh) =>
      runOpenLoop(mesh, schedule(plan, denoiser * PICTURES_PER_DENOISER_S, options.seed), plan.warmUp),
    );
    rows.push({ devices, part, run: seen, histogram: LatencyHistogram.of(seen.latenciesMs) });
  }
  return finding(rows, `simulated:${options.profile.name}`);
}

function finding(rows: readonly Row[], device: string): LoadFinding {
  const p99 = (row: Row): number => row.histogram.percentileMs(99);
  const enough = rows.filter((row) => p99(row) <= p99(rows[0]!) * SAME);
  const fewest = Math.min(...enough.map(({ part }) => part));
  return {
    tables: [{ title: 'The same traffic with fewer devices', ...table(rows, device) }],
    goals: [
      atMost('latentmesh, simulated: ControlNet devices for the same p99, part of one for each', GOAL_PART, fewest),
    ],
    plots: [],
    samples: rows.map(({ histogram: _, ...row }) => row),
  };
}

function table(rows: readonly Row[], device: string): Table {
  return {
    columns: ['device', 'ControlNet devices', 'of dedicated', 'busy', 'pictures/s', 'p50 s', 'p99 s', 'errors'],
    rows: rows.map(({ devices, part, run: seen, histogram }) => [
      device,
      devices,
      `${Math.round(part * 100)} %`,
      `${Math.round(controlnetUtilisation(seen) * 100)} %`,
      throughput(seen).toFixed(2),
      (histogram.percentileMs(50) / 1000).toFixed(2),
      (histogram.percentileMs(99) / 1000).toFixed(2),
      seen.errors.length,
    ]),
  };
}
