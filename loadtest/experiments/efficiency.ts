/** What a device is good for: pictures a device-minute with everything on, all devices asked for as much as they can give. */
import { atLeast, type Table } from '../../benchmarks/benchmark.ts';
import { type ClosedRun, runClosedLoop } from '../closed-loop.ts';
import { deviceCount, type ServingSystem } from '../systems/system.ts';
import { fixedPicture, parseKind } from '../workload/fixed-picture.ts';
import type { Picture } from '../workload/published-traffic.ts';
import type { Experiment, LoadFinding, LoadOptions } from './experiment.ts';
import { withDiffusers, withKatz, withMesh, withPlan, withWarmFiles } from './systems.ts';

const KIND = parseKind('3C2L');
const MIN_GAIN = 2;
/** Clients for each denoiser: while one picture is decoded the next is denoised. */
const CLIENTS_PER_DENOISER = 1.25;
/** Jobs that a denoiser works on at once. */
const JOBS_PER_DENOISER = [1, 2];
/** ControlNet devices for each denoiser: 3 × 50 × 27.2 ms of ControlNets beside 50 × 54.8 ms of UNet. */
const CONTROLNETS_PER_DENOISER = 1.5;

interface Row {
  readonly system: string;
  readonly device: string;
  readonly devices: number;
  readonly perDeviceMinute: number;
  readonly utilisation: Readonly<Record<'base' | 'controlnet', number>>;
}

/** See the head of this file. */
export const efficiency: Experiment = {
  name: 'efficiency',
  title: 'Pictures a device-minute at 3C2L, every device counted',
  measured:
    'throughput of as many clients as keep every instance busy, over all devices of the system, text encoder and VAE included; LoRA files in the page cache, each used once',
  notMeasured: 'latency; anything computed',
  run,
};

async function run(given: LoadOptions): Promise<LoadFinding> {
  const options = withWarmFiles(given);
  const denoisers = options.isQuick ? 2 : options.instances;
  const rounds = options.isQuick ? 4 : 8;
  const picturesFor = (clients: number): Picture[] =>
    Array.from({ length: clients * rounds }, (_, nth) => fixedPicture(KIND, nth));
  const measure = async (system: ServingSystem, clients: number): Promise<Row> =>
    rowOf(system, await runClosedLoop(system, picturesFor(clients), { clients, skip: clients }));
  const controlnet = Math.ceil(denoisers * CONTROLNETS_PER_DENOISER);
  const rows: Row[] = [];
  for (const jobsPerDenoiser of JOBS_PER_DENOISER) {
    const clients = Math.ceil(denoisers * jobsPerDenoiser * CLIENTS_PER_DENOISER);
    const size = { denoisers, controlnets: controlnet, jobsPerDenoiser };
    rows.push(await withPlan(options, size, (system) => measure(system, clients)));
    options.note(`latentmesh with ${denoisers} denoisers of ${jobsPerDenoiser} jobs, ${controlnet} ControlNet devices`);
    const env = { ...options.env, LATENTMESH_JOBS_PER_DENOISER: `${jobsPerDenoiser}` };
    const mesh = { pictures: picturesFor(clients), replicas: { denoiser: denoisers, controlnet } };
    const row = await withMesh({ ...options, env }, mesh, (system) => measure(system, clients));
    rows.push({
      ...row,
      system: jobsPerDenoiser === 1 ? 'latentmesh' : `latentmesh, ${jobsPerDenoiser} jobs a denoiser`,
    });
  }
  return finding([
    ...rows,
    await withDiffusers(options, denoisers, (system) => measure(system, denoisers)),
    await withKatz(options, { instances: denoisers, controlnetSlots: KIND.controlnets }, (system) =>
      measure(system, denoisers),
    ),
  ]);
}

function rowOf({ name, device }: ServingSystem, { perS, usage, latenciesMs }: ClosedRun): Row {
  const devices = deviceCount(usage);
  const part = ({ devices: count, busyMs }: { devices: number; busyMs: number }): number =>
    count === 0 ? 0 : ((busyMs / latenciesMs.length) * perS) / 1000 / count;
  return {
    system: name,
    device,
    devices,
    perDeviceMinute: (perS * 60) / devices,
    utilisation: { base: part(usage.base), controlnet: part(usage.controlnet) },
  };
}

function finding(rows: readonly Row[]): LoadFinding {
  const of = (system: string): number => rows.find((row) => row.system === system)!.perDeviceMinute;
  return {
    tables: [{ title: 'Pictures a device-minute', ...table(rows, of('as-diffusers')) }],
    goals: ['latentmesh', 'latentmesh, 2 jobs a denoiser'].map((system) =>
      atLeast(`${system} over as-diffusers, both simulated, 3C2L`, MIN_GAIN, of(system) / of('as-diffusers'), ' ×'),
    ),
    plots: [],
    samples: rows,
  };
}

function table(rows: readonly Row[], baseline: number): Table {
  const percent = (part: number): string => `${Math.round(part * 100)} %`;
  return {
    columns: [
      'system',
      'device',
      'devices',
      'pictures a device-minute',
      '× as-diffusers',
      'base busy',
      'ControlNet busy',
    ],
    rows: rows.map(({ system, device, devices, perDeviceMinute, utilisation }) => [
      system,
      device,
      devices,
      perDeviceMinute.toFixed(2),
      (perDeviceMinute / baseline).toFixed(2),
      percent(utilisation.base),
      percent(utilisation.controlnet),
    ]),
  };
}
