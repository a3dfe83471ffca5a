/** Latency against load: the published traffic at rising arrival rates. */
import { atMost, type Goal, rounded } from '../../benchmarks/benchmark.ts';
import { runClosedLoop } from '../closed-loop.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import { type LoadRun, runOpenLoop } from '../open-loop.ts';
import type { Curve } from '../report/line-plot.ts';
import { deviceCount, type ServingSystem } from '../systems/system.ts';
import { PUBLISHED } from '../workload/published-traffic.ts';
import type { Experiment, LoadFinding, LoadOptions } from './experiment.ts';
import { withDiffusers, withKatz, withMesh, withWarmFiles } from './systems.ts';
import {
  controlnetUtilisation,
  deviceSeconds,
  planTraffic,
  schedule,
  type TrafficPlan,
  throughput,
} from './traffic.ts';

const TAIL_LOAD = 0.5;
const MAX_TAIL = 1.2;
/** Pictures for each instance in the run that finds out what a system can do. */
const ROUNDS = 4;

/** One system at one rate. */
interface Point {
  readonly system: string;
  readonly device: string;
  /** Whether files are read for the first time. */
  readonly files: 'first reads' | 'in the page cache';
  readonly devices: number;
  readonly load: number;
  readonly offeredPerS: number;
  readonly run: LoadRun;
  readonly histogram: LatencyHistogram;
}

type Measure = (system: ServingSystem, files: Point['files']) => Promise<Point[]>;

/** See the head of this file. */
export const load: Experiment = {
  name: 'load',
  title: 'The published traffic at rising arrival rates',
  measured:
    'latency from the moment at which a request was to be sent (Poisson arrivals, whatever the system does), at parts of what each system reaches with all of its instances busy; counts and popularity of adapters as published, drawn one by one; a host reads a LoRA for the first time in a time drawn from the published tail, or from its page cache',
  notMeasured: 'bursts, several base models, instances that come and go; anything computed',
  run,
};

async function run(options: LoadOptions): Promise<LoadFinding> {
  const plan = planTraffic(options);
  const measure: Measure = (system, files) => measureLoads(system, files, { plan, options });
  const points: Point[] = [];
  const addAll = async (given: LoadOptions, files: Point['files']): Promise<void> => {
    points.push(...(await baselines(given, files, measure)));
    points.push(...(await mesh(given, files, { plan, measure })));
  };
  if (options.files !== 'cached') await addAll(options, 'first reads');
  if (options.files !== 'first') await addAll(withWarmFiles(options), 'in the page cache');
  return finding(points);
}

async function baselines(options: LoadOptions, files: Point['files'], measure: Measure): Promise<Point[]> {
  const { instances } = options;
  const controlnetSlots = PUBLISHED[options.traffic].controlnetCounts.findLastIndex((share) => share > 0);
  return [
    ...(await withDiffusers(options, instances, (system) => measure(system, files))),
    ...(await withKatz(options, { instances, controlnetSlots }, (system) => measure(system, files))),
  ];
}

function mesh(
  options: LoadOptions,
  files: Point['files'],
  { plan, measure }: { readonly plan: TrafficPlan; readonly measure: Measure },
): Promise<Point[]> {
  const { instances, controlnets } = options;
  const replicas = { denoiser: instances, controlnet: controlnets };
  return withMesh(options, { pictures: plan.pictures, replicas }, (system) => measure(system, files));
}

async function measureLoads(
  system: ServingSystem,
  files: Point['files'],
  { plan, options }: { readonly plan: TrafficPlan; readonly options: LoadOptions },
): Promise<Point[]> {
  const { instances, seed, loads, note } = options;
  const most = plan.pictures.slice(0, instances * ROUNDS);
  const closed = await runClosedLoop(system, most, { clients: instances, skip: instances });
  const capacityPerS = closed.perS;
  const points: Point[] = [];
  for (const part of loads) {
    const offeredPerS = capacityPerS * part;
    note(`${system.name}, ${files}, ${Math.round(part * 100)} % of ${capacityPerS.toFixed(2)} pictures/s`);
    const seen = await runOpenLoop(system, schedule(plan, offeredPerS, seed), plan.warmUp);
    points.push({
      system: system.name,
      device: system.device,
      files,
      devices: deviceCount(seen.usage),
      load: part,
      offeredPerS,
      run: seen,
      histogram: LatencyHistogram.of(seen.latenciesMs),
    });
  }
  return points;
}

function finding(points: readonly Point[]): LoadFinding {
  return {
    tables: [{ title: 'Latency and cost by load', ...table(points) }],
    goals: tailGoals(points),
    plots: [cdfPlot(points), throughputPlot(points), utilisationPlot(points), costPlot(points)],
    samples: points.map(({ run: { latenciesMs, errors }, histogram: _, ...point }) => ({
      ...point,
      errors,
      latenciesMs: latenciesMs.map(rounded),
    })),
  };
}

function table(points: readonly Point[]) {
  return {
    columns: [
      'system',
      'device',
      'files',
      'devices',
      'load',
      'offered/s',
      'done/s',
      'p50 s',
      'p90 s',
      'p99 s',
      'p99/p50',
      'ControlNet busy',
      'device s a picture',
      'errors',
    ],
    rows: points.map(({ run: seen, histogram, ...point }) => [
      point.system,
      point.device,
      point.files,
      point.devices,
      `${Math.round(point.load * 100)} %`,
      point.offeredPerS.toFixed(2),
      throughput(seen).toFixed(2),
      seconds(histogram, 50),
      seconds(histogram, 90),
      seconds(histogram, 99),
      tailOf(histogram).toFixed(2),
      `${Math.round(controlnetUtilisation(seen) * 100)} %`,
      deviceSeconds(seen).toFixed(2),
      seen.errors.length,
    ]),
  };
}

function seconds(histogram: LatencyHistogram, percent: number): string {
  return (histogram.percentileMs(percent) / 1000).toFixed(2);
}

function tailOf(histogram: LatencyHistogram): number {
  return histogram.percentileMs(99) / histogram.percentileMs(50);
}

function tailGoals(points: readonly Point[]): Goal[] {
  return points
    .filter(({ system, load: part }) => system === 'latentmesh' && part === TAIL_LOAD)
    .map(({ files, histogram }) =>
      atMost(
        `latentmesh, simulated: p99 over p50 at half load, ${files}`,
        MAX_TAIL,
        Number(tailOf(histogram).toFixed(2)),
      ),
    );
}

function curves(points: readonly Point[], y: (point: Point) => number, files: Point['files'] = 'first reads'): Curve[] {
  const own = points.filter((point) => point.files === files);
  return [...new Set(own.map(({ system }) => system))].map((system) => ({
    label: `${system}, simulated`,
    points: own.filter((point) => point.system === system).map((point) => [point.load * 100, y(point)] as const),
  }));
}

const LOAD_LABEL = 'arrivals, % of what the system can do';

function cdfPlot(points: readonly Point[]) {
  const half = points.filter((point) => point.load === TAIL_LOAD && point.files === 'first reads');
  return {
    name: 'cdf',
    title: 'Latency at half load, first reads of LoRAs as published (simulated devices)',
    xLabel: 'seconds',
    yLabel: '% of requests at most',
    curves: half.map(({ system, histogram }) => ({
      label: `${system}, simulated`,
      points: [0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100].map(
        (percent) => [histogram.percentileMs(percent) / 1000, percent] as const,
      ),
    })),
  };
}

function throughputPlot(points: readonly Point[]) {
  return {
    name: 'throughput',
    title: 'Pictures a second against load (simulated devices)',
    xLabel: LOAD_LABEL,
    yLabel: 'pictures/s',
    curves: curves(points, ({ run: seen }) => throughput(seen)),
  };
}

function utilisationPlot(points: readonly Point[]) {
  return {
    name: 'controlnets',
    title: 'Part of the time in which ControlNet devices work (simulated devices)',
    xLabel: LOAD_LABEL,
    yLabel: '%',
    curves: curves(
      points.filter(({ system }) => system !== 'as-diffusers'),
      ({ run: seen }) => controlnetUtilisation(seen) * 100,
    ),
  };
}

function costPlot(points: readonly Point[]) {
  return {
    name: 'cost',
    title: 'Devices held a picture: devices × time / pictures (simulated devices)',
    xLabel: LOAD_LABEL,
    yLabel: 'device-seconds',
    curves: curves(points, ({ devices, run: seen }) => devices / throughput(seen)),
  };
}
