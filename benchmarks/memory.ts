/** What a denoiser holds in memory, beside what it cannot do without. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CHECKPOINT_SIZES } from '#infra/checkpoint/checkpoint-size.ts';
import { unetShapes } from '#infra/checkpoint/network-shapes.ts';
import { openComponent } from '#shared/checkpoint/component.ts';
import { openPipeline, tokensOf } from '#shared/checkpoint/pipeline.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { bytesPerElement, elementCount } from '#shared/tensor/tensor.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint, warmPageCache } from './checkpoints.ts';
import { DenoiserProcess } from './denoiser-process.ts';
import { sum } from './statistics.ts';

const SIDE = 512;
const MARGIN = 1.15;
const GIB = 2 ** 30;
const LOOK_MS = 50;

export const memory: Benchmark = {
  name: 'memory',
  title: 'Resident memory of a denoiser of the size of SD 1.5',
  measured:
    'the resident set of the denoiser process (VmRSS) when ready, at its largest during a job of 512×512 with guidance, and after it; beside the bytes of its weights in f32, in which it computes, and of the activations alive at the worst moment, counted from the graphs',
  notMeasured: 'ControlNets and LoRA sets, which add their own weights; other processes',
  run: measure,
};

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const model = await checkpoint('sd15');
  await warmPageCache(model);
  const pipeline = await openPipeline(model);
  const prompt = { tokens: tokensOf(pipeline), width: pipeline.unet.crossAttentionDim };
  const needed = await neededBytes(model, prompt.tokens);
  await using denoiser = await DenoiserProcess.start(model);
  const readyBytes = await residentBytes(denoiser.pid);
  note('one job');
  const job = denoiser.denoise({ side: SIDE, steps: isQuick ? 1 : 3, prompt });
  const jobBytes = await largestDuring(job, denoiser.pid);
  const afterBytes = await residentBytes(denoiser.pid);
  const limit = MARGIN * (needed.weights + needed.activations);
  const rows: [string, number][] = [
    ['weights, f32', needed.weights],
    ['activations', needed.activations],
    ['resident when ready', readyBytes],
    ['resident during a job', jobBytes],
    ['resident after it', afterBytes],
  ];
  return {
    table: { columns: ['what', 'GiB'], rows: rows.map(([what, bytes]) => [what, rounded(bytes / GIB)]) },
    goals: [atMost('resident during a job, to weights + activations', MARGIN, (jobBytes / limit) * MARGIN, '×')],
    plot: {
      title: 'Memory of a denoiser of the size of SD 1.5 at 512×512',
      unit: 'GiB',
      bars: rows.map(([label, bytes]) => ({ label, value: bytes / GIB })),
      goal: limit / GIB,
    },
    samples: Object.fromEntries(rows),
  };
}

/** What computing in f32 takes at least, bytes. The halves of the UNet run one after the other. */
async function neededBytes(model: string, tokens: number): Promise<{ weights: number; activations: number }> {
  const { folders, unet } = await openPipeline(model);
  const { weights: source } = await openComponent(folders.unet);
  const size = { batch: 2, height: SIDE / 8, width: SIDE / 8, tokens };
  const halves = [unetDown(unet, source, size), unetUp(unet, source, size, { hasResiduals: false })];
  const shapes = unetShapes(CHECKPOINT_SIZES.sd15.unet).values();
  return {
    weights: sum([...shapes].map(elementCount)) * bytesPerElement('f32'),
    activations: Math.max(...halves.map((half) => half.cost.activationBytes)),
  };
}

async function largestDuring(work: Promise<void>, pid: number): Promise<number> {
  let isOver = false;
  const done = work.finally(() => {
    isOver = true;
  });
  let largest = 0;
  while (!isOver) {
    largest = Math.max(largest, await residentBytes(pid));
    await Promise.race([done, delay(LOOK_MS)]);
  }
  return largest;
}

/** Linux only. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
}
