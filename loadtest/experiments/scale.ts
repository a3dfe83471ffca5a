/** Whether twice the denoisers do twice the work. */
import { atLeast } from '../../benchmarks/benchmark.ts';
import { runClosedLoop } from '../closed-loop.ts';
import { fixedPicture, parseKind } from '../workload/fixed-picture.ts';
import type { Picture } from '../workload/published-traffic.ts';
import type { Experiment, LoadFinding, LoadOptions } from './experiment.ts';
import { withMesh, withWarmFiles } from './systems.ts';

/** In equal parts. */
const KINDS = ['0C0L', '1C0L', '0C1L', '1C1L'].map(parseKind);
const SIZES = [1, 64];
const QUICK_SIZES = [1, 4];
/** ControlNet devices for each denoiser: half a picture's ControlNet, 50 × 27.2 ms, beside 50 × 54.8 ms, with room. */
const CONTROLNETS_PER_DENOISER = 0.375;
const CLIENTS_PER_DENOISER = 1.25;
/** Of the linear gain. */
const MIN_GAIN = 60 / 64;
/** The work of the mesh around 64 devices must fit on this machine: one simulated ms is this many real ones at least. */
const MIN_TIME_SCALE = 14;

interface Row {
  readonly denoisers: number;
  readonly controlnets: number;
  readonly perS: number;
}

/** See the head of this file. */
export const scale: Experiment = {
  name: 'scale',
  title: 'Throughput by number of denoisers',
  measured:
    'pictures a simulated second with all denoisers busy, an equal mix of 0C0L, 1C0L, 0C1L and 1C1L; simulated time is slowed down, so that this machine has time for the work of the mesh itself',
  notMeasured: 'the machine that a mesh of this size needs at full speed; anything computed',
  run,
};

async function run(given: LoadOptions): Promise<LoadFinding> {
  const warm = withWarmFiles(given);
  const options = { ...warm, timeScale: Math.max(warm.timeScale, given.isQuick ? 0 : MIN_TIME_SCALE) };
  const rows: Row[] = [];
  for (const denoisers of options.isQuick ? QUICK_SIZES : SIZES) {
    options.note(`latentmesh with ${denoisers} denoisers, time slowed down ${options.timeScale} times`);
    rows.push(await measure(options, denoisers));
  }
  return finding(rows, options);
}

async function measure(options: LoadOptions, denoisers: number): Promise<Row> {
  const controlnets = Math.max(1, Math.round(denoisers * CONTROLNETS_PER_DENOISER));
  const clients = Math.ceil(denoisers * CLIENTS_PER_DENOISER);
  // One denoiser alone needs more of them to see the mix.
  const pictures = picturesOfMix(Math.max(clients * 4, 8));
  const replicas = { denoiser: denoisers, controlnet: controlnets };
  const env = { ...options.env, LATENTMESH_JOBS: String(clients) };
  const closed = await withMesh({ ...options, env }, { pictures, replicas }, (mesh) =>
    runClosedLoop(mesh, pictures, { clients, skip: clients }),
  );
  return { denoisers, controlnets, perS: closed.perS };
}

function picturesOfMix(count: number): Picture[] {
  return Array.from({ length: count }, (_, nth) => fixedPicture(KINDS[nth % KINDS.length]!, nth));
}

function finding(rows: readonly Row[], { profile, timeScale }: LoadOptions): LoadFinding {
  const [one, most] = [rows[0]!, rows.at(-1)!];
  const gain = most.perS / one.perS;
  const needed = MIN_GAIN * most.denoisers;
  return {
    tables: [
      {
        title: `Pictures a simulated second; ${timeScale} real ms for each simulated one`,
        columns: ['device', 'denoisers', 'ControlNet devices', 'pictures/s', '× one'],
        rows: rows.map(({ denoisers, controlnets, perS }) => [
          `simulated:${profile.name}`,
          denoisers,
          controlnets,
          perS.toFixed(3),
          (perS / one.perS).toFixed(2),
        ]),
      },
    ],
    goals: [atLeast(`latentmesh, simulated: ${most.denoisers} denoisers over one`, needed, gain, ' ×')],
    plots: [],
    samples: rows,
  };
}
