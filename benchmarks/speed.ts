/** Settings that change the picture for speed: how far from the exact picture, and how much faster. */
import { openPipeline, tokensOf } from '#shared/checkpoint/pipeline.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { Unet, type UnetJob } from '../services/denoiser/unet.ts';
import { atLeast, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint } from './checkpoints.ts';
import { type CallTimes, FAST_LEVER, GUIDED, gainOf, LEVERS, type Lever, STEPS, type TimesByBatch } from './levers.ts';
import { BenchMesh } from './local-mesh.ts';
import { peakSignalToNoise, structuralSimilarity } from './picture-distance.ts';
import { encodedPicture, MORE_POCKET_PROMPTS, POCKET, POCKET_PROMPTS, picture } from './pocket-pictures.ts';
import { median } from './statistics.ts';

const MIN_DECIBELS = 25;
const MIN_GAIN = 1.8;
/** Layers of the shallow calls: branches 0 and 1. */
const DEEP_LAYERS = [1, 2];
const PROMPTS = [...POCKET_PROMPTS, ...MORE_POCKET_PROMPTS];

export const speed: Benchmark = {
  name: 'speed',
  title: 'Settings that change the picture for speed',
  measured:
    'distance: pictures of the pocket model, 20 steps, sixteen prompts, from the exact ones of the same seeds, peak signal to noise and structural similarity over all channels, through the mesh; those with a ControlNet follow the edges of the exact picture. Gain: the time of whole and shallow calls, with and without guidance, of an SD 1.5-size UNet at 512² on the CPU, each measured, put together for 20 steps on one device, the ControlNet included where there is one, which costs as much as the way down',
  notMeasured: 'what people see; text encoder and VAE, whose time stays; other models; messages saved',
  run: measure,
};

interface Row {
  readonly lever: string;
  readonly decibels: readonly number[];
  readonly similarity: readonly number[];
  readonly gain: number;
}

type Distances = Pick<Row, 'decibels' | 'similarity'>;

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const distances = await pictureDistances(isQuick ? PROMPTS.slice(0, 2) : PROMPTS, note);
  const times = await callTimes(isQuick ? 1 : 3, note);
  return finding(LEVERS.map((lever) => ({ lever: lever.label, ...distances.get(lever)!, gain: gainOf(lever, times) })));
}

async function pictureDistances(
  prompts: readonly string[],
  note: RunOptions['note'],
): Promise<ReadonlyMap<Lever, Distances>> {
  await using mesh = await BenchMesh.start(POCKET);
  const distances = new Map(LEVERS.map((lever) => [lever, { decibels: [] as number[], similarity: [] as number[] }]));
  for (const [seed, prompt] of prompts.entries()) {
    note(prompt);
    const plain = { prompt, seed, steps: STEPS, guidance_scale: 5 };
    const image = await encodedPicture(mesh, plain);
    const controlled: GenerateInput = { ...plain, controlnets: [{ controlnet: 'edges', image }] };
    const exact = { plain: await picture(mesh, plain), controlled: await picture(mesh, controlled) };
    for (const [lever, { decibels, similarity }] of distances) {
      const kind = lever.controlnetEvery === undefined ? 'plain' : 'controlled';
      const request = kind === 'plain' ? plain : controlled;
      const near = await picture(mesh, { ...request, ...lever.request });
      decibels.push(peakSignalToNoise(exact[kind].data, near.data));
      similarity.push(structuralSimilarity(exact[kind], near));
    }
  }
  return distances;
}

/** Both batches by turns, so that what else the machine does slows both. */
async function callTimes(rounds: number, note: RunOptions['note']): Promise<TimesByBatch> {
  const pipeline = await openPipeline(await checkpoint('sd15'));
  const { folders, unet: config } = pipeline;
  const device = await openDevice({ device: 'cpu' });
  const unet = await Unet.load(device, folders.unet, config);
  const [height, width, tokens] = [config.sampleSize, config.sampleSize, tokensOf(pipeline)];
  const samples = new Map<number, CallSamples>();
  for (const batch of [1, GUIDED]) {
    await unet.begin(`job-${batch}`, { prompt_embeds: f32([batch, tokens, config.crossAttentionDim]) });
    samples.set(batch, { down: [], whole: [], shallow: new Map(DEEP_LAYERS.map((layers) => [layers, []])) });
  }
  for (let round = 0; round <= rounds; round++) {
    note(`calls, round ${round}`);
    for (const [batch, all] of samples) {
      const shape = { batch, height, width, tokens };
      const job = { shape, prompt: `job-${batch}`, weights: unet.base, signal: new AbortController().signal };
      // The first ones allocate.
      for (const deepLayers of DEEP_LAYERS) await timeCalls(unet, job, { deepLayers, ...(round > 0 && { all }) });
    }
  }
  await device.close();
  return new Map([...samples].map(([batch, all]) => [batch, medians(all)]));
}

/** Of the calls of one batch, ms. */
interface CallSamples {
  readonly down: number[];
  readonly whole: number[];
  readonly shallow: ReadonlyMap<number, number[]>;
}

async function timeCalls(
  unet: Unet,
  job: UnetJob,
  { deepLayers, all }: { deepLayers: number; all?: CallSamples },
): Promise<void> {
  const { batch, height, width } = job.shape;
  const latents = (): Float32Array => new Float32Array(batch * 4 * height * width).fill(0.5);
  const deep = { ...job, shape: { ...job.shape, deepLayers } };
  const downMs = await unet.down(deep, latents(), 500);
  const up = await unet.up(deep, undefined);
  const shallow = await unet.shallow(deep, { latents: latents(), timestep: 480, isControlled: false });
  if (!all) return;
  all.down.push(downMs);
  all.whole.push(downMs + up.runMs);
  all.shallow.get(deepLayers)!.push(shallow.runMs);
}

function medians({ down, whole, shallow }: CallSamples): CallTimes {
  const ofLayers = [...shallow].map(([layers, all]) => [layers, median(all)] as const);
  return { down: median(down), whole: median(whole), shallow: new Map(ofLayers) };
}

function finding(rows: readonly Row[]): Finding {
  const worst = (values: readonly number[]): number => Math.min(...values);
  const fast = rows.find(({ lever }) => lever === FAST_LEVER.label)!;
  return {
    table: {
      columns: ['setting', 'PSNR, dB: median', 'worst', 'SSIM: median', 'worst', 'gain, ×'],
      rows: rows.map(({ lever, decibels, similarity, gain }) => [
        lever,
        ...[median(decibels), worst(decibels), median(similarity), worst(similarity), gain].map(rounded),
      ]),
    },
    goals: [
      atLeast('preset fast, the worst picture', MIN_DECIBELS, worst(fast.decibels), ' dB'),
      atLeast('preset fast, the denoising', MIN_GAIN, fast.gain, ' ×'),
    ],
    plot: {
      title: 'Gain on an SD 1.5-size UNet, 20 steps, CPU',
      unit: '×',
      bars: rows.map((row) => ({ label: `${row.lever}: ${rounded(median(row.decibels))} dB`, value: row.gain })),
      goal: MIN_GAIN,
    },
    samples: rows,
  };
}
