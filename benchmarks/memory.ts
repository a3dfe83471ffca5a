/** What a denoiser holds in memory, beside what it cannot do without. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CHECKPOINT_SIZES } from '#infra/checkpoint/checkpoint-size.ts';
import { unetShapes } from '#infra/checkpoint/network-shapes.ts';
import { openComponent } from '#shared/checkpoint/component.ts';
import { openPipeline, tokensOf } from '#shared/checkpoint/pipeline.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';
import { bytesPerElement, elementCount } from '#shared/tensor/tensor.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint, warmPageCache } from './checkpoints.ts';
import { DenoiserProcess } from './denoiser-process.ts';
import { sum } from './statistics.ts';

const SIDE = 512;
/** Resident bytes to those that are needed, at most. */
export const MEMORY_MARGIN = 1.15;
/** Bytes. */
export const GIB = 2 ** 30;
const LOOK_MS = 50;

export const memory: Benchmark = {
  name: 'memory',
  title: 'Resident memory of a denoiser of the size of SD 1.5',
  measured:
    'the resident set of the denoiser process (VmRSS) when ready, at its largest during a job of 512×512 with guidance, and after it; beside the bytes of its weights in f32, in which it computes, and of the activations alive at the worst moment, counted from the graphs',
  notMeasured: 'ControlNets and LoRA sets, which add their own weights; other processes',
  run: measure,
};

/** Of a denoiser, bytes. */
export interface Residence {
  readonly rows: readonly (readonly [what: string, bytes: number])[];
  /** During a job, to weights and activations. */
  readonly ratio: number;
  readonly limitBytes: number;
  /** From the start of the process until it serves, ms. */
  readonly readyMs: number;
}

/** One job of a denoiser of that size; the UNet's files are in the page cache. */
export async function measureResidence(
  size: 'sd15' | 'sdxl',
  { side, steps, note }: { side: number; steps: number; note: RunOptions['note'] },
): Promise<Residence> {
  const model = await checkpoint(size);
  const pipeline = await openPipeline(model);
  const { unet, folders } = pipeline;
  await warmPageCache(folders.unet);
  const tokens = tokensOf(pipeline);
  const needed = await neededBytes(size, { unet, folder: folders.unet, side, tokens });
  await using denoiser = await DenoiserProcess.start(model);
  const readyBytes = await residentBytes(denoiser.pid);
  note(`ready after ${Math.round(denoiser.readyMs)} ms; one job`);
  const job = denoiser.denoise({ side, steps, prompt: { tokens, width: unet.crossAttentionDim, added: unet.added } });
  const jobBytes = await largestDuring(job, denoiser.pid);
  const needs = needed.weights + needed.activations;
  return {
    rows: [
      ['weights, f32', needed.weights],
      ['activations', needed.activations],
      ['resident when ready', readyBytes],
      ['resident during a job', jobBytes],
      ['resident after it', await residentBytes(denoiser.pid)],
    ],
    ratio: jobBytes / needs,
    limitBytes: MEMORY_MARGIN * needs,
    readyMs: denoiser.readyMs,
  };
}

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const { rows, ratio, limitBytes } = await measureResidence('sd15', { side: SIDE, steps: isQuick ? 1 : 3, note });
  return {
    table: { columns: ['what', 'GiB'], rows: rows.map(([what, bytes]) => [what, rounded(bytes / GIB)]) },
    goals: [atMost('resident during a job, to weights + activations', MEMORY_MARGIN, ratio, '×')],
    plot: {
      title: 'Memory of a denoiser of the size of SD 1.5 at 512×512',
      unit: 'GiB',
      bars: rows.map(([label, bytes]) => ({ label, value: bytes / GIB })),
      goal: limitBytes / GIB,
    },
    samples: Object.fromEntries(rows),
  };
}

/** What computing in f32 takes at least, bytes. The halves of the UNet run one after the other. */
async function neededBytes(
  size: 'sd15' | 'sdxl',
  of: { unet: UnetConfig; folder: string; side: number; tokens: number },
): Promise<{ weights: number; activations: number }> {
  const { weights: source } = await openComponent(of.folder);
  const shape = { batch: 2, height: of.side / VAE_FACTOR, width: of.side / VAE_FACTOR, tokens: of.tokens };
  const halves = [unetDown(of.unet, source, shape), unetUp(of.unet, source, shape, { hasResiduals: false })];
  const shapes = unetShapes(CHECKPOINT_SIZES[size].unet).values();
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
