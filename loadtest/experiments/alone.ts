/** The published table: one picture at a time, by the number of its ControlNets and LoRAs. */
import { atMost, type Goal, rounded, type Table } from '../../benchmarks/benchmark.ts';
import { median } from '../../benchmarks/statistics.ts';
import { type ClosedRun, runClosedLoop } from '../closed-loop.ts';
import { deviceCount, type ServingSystem } from '../systems/system.ts';
import { fixedPicture, PUBLISHED_KINDS, parseKind } from '../workload/fixed-picture.ts';
import type { Picture } from '../workload/published-traffic.ts';
import type { Experiment, LoadFinding, LoadOptions } from './experiment.ts';
import { withDiffusers, withKatz, withMesh, withPlan, withWarmFiles } from './systems.ts';

type Kind = (typeof PUBLISHED_KINDS)[number];

/** Seconds a picture, from the logs of Katz's artifact as its plotting script reads them. */
const PUBLISHED_S: Readonly<Record<string, Readonly<Record<Kind, number>>>> = {
  'as-diffusers': {
    '0C0L': 2.88,
    '1C0L': 4.54,
    '0C1L': 6.19,
    '1C1L': 7.57,
    '3C0L': 7.93,
    '2C2L': 13.92,
    '3C2L': 15.62,
  },
  'as-katz': { '0C0L': 1.71, '1C0L': 1.74, '0C1L': 1.84, '1C1L': 1.89, '3C0L': 1.8, '2C2L': 2.0, '3C2L': 2.03 },
};
/** How far a simulated row may be from the published one that it imitates. */
const MAX_DEVIATION = 0.1;
const MAX_RATIO = 1.08;
/** Between two requests whose latency is measured, so that nothing is left of the last one, ms. */
const THINK_MS = 1000;
const MOST_CONTROLNETS = 3;

/** One system and kind. */
interface Cell {
  readonly system: string;
  readonly device: string;
  readonly kind: Kind;
  /** Median of the pictures behind the first one. */
  readonly latencyS: number;
  /** From the end of one picture to the end of the next, back to back: with what is left to be done behind a picture. */
  readonly periodS: number;
  readonly deviceS: number;
  readonly devices: number;
  readonly latenciesMs: readonly number[];
}

/** See the head of this file. */
export const alone: Experiment = {
  name: 'alone',
  title: 'One picture at a time: seconds a picture by number of ControlNets and LoRAs',
  measured:
    'latency of one request at a time with a second between them, and the period of requests sent back to back, each with LoRAs that no other one has (files in the page cache) and the same resident ControlNets; latentmesh: the real mesh, only its devices are simulated',
  notMeasured: 'queueing; first reads of files; anything computed',
  run,
};

async function run(given: LoadOptions): Promise<LoadFinding> {
  const options = withWarmFiles(given);
  const cells: Cell[] = [];
  for (const kind of PUBLISHED_KINDS) {
    const pictures = Array.from({ length: 8 }, (_, nth) => fixedPicture(parseKind(kind), nth));
    const measure = (system: ServingSystem): Promise<Cell> => measureCell(system, { kind, pictures, idle: 0 });
    const { controlnets } = parseKind(kind);
    cells.push(await withDiffusers(options, 1, measure));
    cells.push(await withKatz(options, { instances: 1, controlnetSlots: controlnets }, measure));
    cells.push(await withPlan(options, { denoisers: 1, controlnets, jobsPerDenoiser: 1 }, measure));
  }
  for (const guidance of ['joint', 'split'] as const) cells.push(...(await measureMesh({ ...options, guidance })));
  return finding(cells);
}

/** One mesh for all kinds: its size is that of the largest. */
async function measureMesh(options: LoadOptions): Promise<Cell[]> {
  const count = options.isQuick ? 4 : 8;
  const kinds = options.isQuick ? (['0C0L', '3C2L'] as const) : PUBLISHED_KINDS;
  const byKind = kinds.map((kind, i) => ({
    kind,
    pictures: Array.from({ length: count }, (_, nth) => fixedPicture(parseKind(kind), (i + 1) * 1000 + nth)),
  }));
  // Each half has its denoiser, and its session of each ControlNet.
  const halves = options.guidance === 'split' ? 2 : 1;
  const replicas = { denoiser: halves, controlnet: halves * MOST_CONTROLNETS };
  return withMesh(options, { pictures: byKind.flatMap(({ pictures }) => pictures), replicas }, async (mesh) => {
    const cells: Cell[] = [];
    for (const { kind, pictures } of byKind) {
      options.note(`${mesh.name}, ${kind}`);
      // Devices that the kind has no use for do not count.
      const idle = halves * (MOST_CONTROLNETS - parseKind(kind).controlnets);
      cells.push(await measureCell(mesh, { kind, pictures, idle }));
    }
    return cells;
  });
}

async function measureCell(
  system: ServingSystem,
  { kind, pictures, idle }: { kind: Kind; pictures: readonly Picture[]; idle: number },
): Promise<Cell> {
  const half = Math.ceil(pictures.length / 2);
  const apart = await runClosedLoop(system, pictures.slice(0, half), { clients: 1, skip: 1, thinkMs: THINK_MS });
  const inARow = await runClosedLoop(system, pictures.slice(half), { clients: 1, skip: 1 });
  return {
    system: system.name,
    device: system.device,
    kind,
    latencyS: median(apart.latenciesMs.slice(1)) / 1000,
    periodS: inARow.spanMs / inARow.pictures / 1000,
    deviceS: busyS(inARow),
    devices: deviceCount(inARow.usage) - idle,
    latenciesMs: [...apart.latenciesMs, ...inARow.latenciesMs].map(rounded),
  };
}

/** Time of devices for each picture, s. */
function busyS({ usage, latenciesMs }: ClosedRun): number {
  return (usage.base.busyMs + usage.controlnet.busyMs + usage.other.busyMs) / latenciesMs.length / 1000;
}

function finding(cells: readonly Cell[]): LoadFinding {
  const systems = [...new Set(cells.map(({ system }) => system))];
  return {
    tables: [
      { title: 'Seconds a picture', ...latencyTable(cells, systems) },
      { title: 'Period, device time and devices', ...costTable(cells) },
    ],
    goals: [...ratioGoals(cells), ...deviationGoals(cells)],
    plots: [],
    samples: cells,
  };
}

function latencyTable(cells: readonly Cell[], systems: readonly string[]): Table {
  const of = (system: string, kind: Kind): Cell | undefined =>
    cells.find((cell) => cell.system === system && cell.kind === kind);
  const rows = systems.flatMap((system) => {
    const measured = PUBLISHED_KINDS.map((kind) => of(system, kind)?.latencyS.toFixed(2) ?? '–');
    const published = PUBLISHED_S[system];
    const device = cells.find((cell) => cell.system === system)!.device;
    const row = [system, device, ...measured, ratio(cells, system)?.toFixed(2) ?? '–'];
    if (!published) return [row];
    const numbers = PUBLISHED_KINDS.map((kind) => published[kind].toFixed(2));
    return [row, ['  as published', 'H800', ...numbers, (published['3C2L'] / published['0C0L']).toFixed(2)]];
  });
  return { columns: ['system', 'device', ...PUBLISHED_KINDS, '3C2L / 0C0L, by period'], rows };
}

function costTable(cells: readonly Cell[]): Table {
  return {
    columns: ['system', 'device', 'kind', 'period s', 'device s a picture', 'devices', 'pictures a device-minute'],
    rows: cells.map(({ system, device, kind, periodS, deviceS, devices }) => [
      system,
      device,
      kind,
      periodS.toFixed(2),
      deviceS.toFixed(2),
      devices,
      (60 / periodS / devices).toFixed(2),
    ]),
  };
}

/** How much longer the next picture has to wait behind one with everything. */
function ratio(cells: readonly Cell[], system: string): number | undefined {
  const period = (kind: Kind): number | undefined =>
    cells.find((cell) => cell.system === system && cell.kind === kind)?.periodS;
  const [all, none] = [period('3C2L'), period('0C0L')];
  return all !== undefined && none !== undefined ? all / none : undefined;
}

function ratioGoals(cells: readonly Cell[]): Goal[] {
  const meshes = [...new Set(cells.map(({ system }) => system))].filter((system) => system.startsWith('latentmesh'));
  return meshes.map((system) => {
    const what = `${system}, simulated: 3C2L over 0C0L, next picture included`;
    return atMost(what, MAX_RATIO, Number(ratio(cells, system)!.toFixed(3)));
  });
}

function deviationGoals(cells: readonly Cell[]): Goal[] {
  return Object.entries(PUBLISHED_S).map(([system, published]) => {
    const own = cells.filter((cell) => cell.system === system);
    const deviations = own.map(({ kind, latencyS }) => Math.abs(latencyS / published[kind] - 1));
    const worst = Math.max(...deviations) * 100;
    return atMost(`${system}, simulated, beside its published row, at most`, MAX_DEVIATION * 100, worst, ' %');
  });
}
