/** Settings that change the picture for speed: how far from the exact picture, and how much faster. */
import { openPipeline, tokensOf } from '#shared/checkpoint/pipeline.ts';
import type { DeepCache, GenerateInput } from '#shared/contracts/generate.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { Unet, type UnetJob } from '../services/denoiser/unet.ts';
import { atLeast, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint } from './checkpoints.ts';
import { BenchMesh } from './local-mesh.ts';
import { peakSignalToNoise } from './picture-distance.ts';
import { POCKET, POCKET_PROMPTS, pixels } from './pocket-pictures.ts';
import { median } from './statistics.ts';

const STEPS = 20;
const GUIDED = 2;
const MIN_DECIBELS = 25;
const MIN_GAIN = 1.8;
const PROMPTS = [...POCKET_PROMPTS, 'a red ball and a blue box in the snow'];

/** A way to spend less. */
interface Lever {
  readonly label: string;
  readonly request: Partial<GenerateInput>;
  readonly deepCache?: DeepCache;
  /** Share of the steps with guidance. */
  readonly guided: number;
}

const deepCache = (cache_interval: number, cache_branch_id: number): Lever => ({
  label: `deep_cache ${cache_interval}, branch ${cache_branch_id}`,
  request: { deep_cache: { cache_interval, cache_branch_id } },
  deepCache: { cache_interval, cache_branch_id },
  guided: 1,
});

const LEVERS: readonly Lever[] = [
  deepCache(2, 0),
  deepCache(3, 0),
  deepCache(5, 0),
  deepCache(2, 1),
  deepCache(3, 1),
  deepCache(5, 1),
  { label: 'guidance in the first 70 %', request: { guidance_end: 0.7 }, guided: 0.7 },
  {
    label: 'deep_cache 2, branch 0, guidance in the first 70 %',
    request: { deep_cache: { cache_interval: 2, cache_branch_id: 0 }, guidance_end: 0.7 },
    deepCache: { cache_interval: 2, cache_branch_id: 0 },
    guided: 0.7,
  },
];

export const speed: Benchmark = {
  name: 'speed',
  title: 'Settings that change the picture for speed',
  measured:
    'distance: pictures of the pocket model, 20 steps, from the exact ones of the same seeds, peak signal to noise over all channels, through the mesh. Gain: the time of whole and shallow calls, with and without guidance, of an SD 1.5-size UNet at 512² on the CPU, each measured, put together for 20 steps',
  notMeasured: 'what people see; text encoder and VAE, whose time stays; other models',
  run: measure,
};

interface Row {
  readonly lever: string;
  readonly decibels: readonly number[];
  readonly gain: number;
}

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const distances = await pictureDistances(isQuick ? PROMPTS.slice(0, 2) : PROMPTS, note);
  const times = await callTimes(isQuick ? 1 : 3, note);
  return finding(
    LEVERS.map((lever) => ({ lever: lever.label, decibels: distances.get(lever)!, gain: gainOf(lever, times) })),
  );
}

async function pictureDistances(
  prompts: readonly string[],
  note: RunOptions['note'],
): Promise<ReadonlyMap<Lever, readonly number[]>> {
  await using mesh = await BenchMesh.start(POCKET);
  const distances = new Map<Lever, number[]>(LEVERS.map((lever) => [lever, []]));
  for (const [seed, prompt] of prompts.entries()) {
    note(prompt);
    const request = { prompt, seed, steps: STEPS, guidance_scale: 5 };
    const exact = await pixels(mesh, request);
    for (const [lever, all] of distances) {
      all.push(peakSignalToNoise(exact, await pixels(mesh, { ...request, ...lever.request })));
    }
  }
  return distances;
}

/** Milliseconds of one call; shallow ones by their layers. */
interface CallTimes {
  readonly whole: number;
  readonly shallow: ReadonlyMap<number, number>;
}

/** By the batch: with guidance, and without. */
type TimesByBatch = ReadonlyMap<number, CallTimes>;

async function callTimes(rounds: number, note: RunOptions['note']): Promise<TimesByBatch> {
  const pipeline = await openPipeline(await checkpoint('sd15'));
  const { folders, unet: config } = pipeline;
  const device = await openDevice({ device: 'cpu' });
  const unet = await Unet.load(device, folders.unet, config);
  const times = new Map<number, CallTimes>();
  for (const batch of [1, GUIDED]) {
    note(`calls of ${batch}`);
    await unet.begin('job', { prompt_embeds: f32([batch, tokensOf(pipeline), config.crossAttentionDim]) });
    const shape = { batch, height: config.sampleSize, width: config.sampleSize, tokens: tokensOf(pipeline) };
    const job = { shape, prompt: 'job', weights: unet.base, signal: new AbortController().signal };
    times.set(batch, await timesOf(unet, job, rounds));
  }
  await device.close();
  return times;
}

async function timesOf(unet: Unet, job: UnetJob, rounds: number): Promise<CallTimes> {
  const { batch, height, width } = job.shape;
  const latents = (): Float32Array => new Float32Array(batch * 4 * height * width).fill(0.5);
  const whole: number[] = [];
  const shallow = new Map<number, number[]>([
    [1, []],
    [2, []],
  ]);
  for (let round = 0; round <= rounds; round++) {
    for (const [deepLayers, all] of shallow) {
      const deep = { ...job, shape: { ...job.shape, deepLayers } };
      const downMs = await unet.down(deep, latents(), 500);
      const { runMs } = await unet.up(deep, undefined);
      const one = await unet.shallow(deep, { latents: latents(), timestep: 480, isControlled: false });
      if (round === 0) continue; // the first ones allocate
      whole.push(downMs + runMs);
      all.push(one.runMs);
    }
  }
  return { whole: median(whole), shallow: new Map([...shallow].map(([layers, all]) => [layers, median(all)])) };
}

/** Time of the exact steps over that with the lever. */
function gainOf({ deepCache: reuse, guided }: Lever, times: TimesByBatch): number {
  let spentMs = 0;
  for (let step = 0; step < STEPS; step++) {
    const isGuided = step < STEPS * guided;
    const { whole, shallow } = times.get(isGuided ? GUIDED : 1)!;
    // Where guidance ends, another model begins, with a whole call of its own.
    const isWhole = !reuse || step % reuse.cache_interval === 0 || (!isGuided && step - 1 < STEPS * guided);
    spentMs += isWhole ? whole : shallow.get(reuse.cache_branch_id + 1)!;
  }
  return (STEPS * times.get(GUIDED)!.whole) / spentMs;
}

function finding(rows: readonly Row[]): Finding {
  const worst = ({ decibels }: Row): number => Math.min(...decibels);
  const fast = rows.filter(({ decibels }) => median(decibels) >= MIN_DECIBELS).toSorted((a, b) => b.gain - a.gain)[0];
  return {
    table: {
      columns: ['setting', 'PSNR, dB: median', 'worst', 'gain, ×'],
      rows: rows.map((row) => [row.lever, rounded(median(row.decibels)), rounded(worst(row)), rounded(row.gain)]),
    },
    goals: fast
      ? [atLeast(`the fastest at ${MIN_DECIBELS} dB or more (${fast.lever})`, MIN_GAIN, fast.gain, ' ×')]
      : [],
    plot: {
      title: 'Gain on an SD 1.5-size UNet, 20 steps, CPU',
      unit: '×',
      bars: rows.map((row) => ({ label: `${row.lever}: ${rounded(median(row.decibels))} dB`, value: row.gain })),
      goal: MIN_GAIN,
    },
    samples: rows,
  };
}
