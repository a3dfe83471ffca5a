/** How much of this machine the UNet uses: its operations per second beside those of a plain product of matrices. */

import { openComponent } from '#shared/checkpoint/component.ts';
import { openPipeline, tokensOf } from '#shared/checkpoint/pipeline.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { Unet } from '../services/denoiser/unet.ts';
import { atLeast, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint, type ModelSize } from './checkpoints.ts';
import { Gemm } from './gemm.ts';
import { median } from './statistics.ts';

const GOAL_PERCENT = 75;
const GUIDED = 2;

export const unetFlops: Benchmark = {
  name: 'unet-flops',
  title: 'Floating-point operations per second of the UNet, beside the GEMM peak of the same runtime',
  measured:
    'time in the runtime of both halves of the UNet with guidance (batch 2), on a device as the denoiser opens it; their convolutions, products and attention, two operations for each multiply-add, counted from the graphs. The peak is the best f32 Gemm of several shapes with the same session options and threads, before, between and after, in the same process',
  notMeasured: 'what the processor could do beyond this runtime',
  run: measure,
};

/** One half of a UNet, or both. */
export interface Half {
  readonly label: string;
  readonly flops: number;
  readonly runMs: number[];
}

/** GFLOP/s. */
export function rate({ flops, runMs }: Half): number {
  return flops / median(runMs) / 1e6;
}

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const gemm = await Gemm.open();
  const halves = [
    ...(await measureUnet('sd15', { rounds: isQuick ? 1 : 4, gemm, note })),
    ...(await measureUnet('small', { rounds: 30, gemm, note })),
  ];
  const peak = gemm.best;
  const rows = halves.map((half): [string, number, number, number, number] => {
    const percent = (100 * rate(half)) / peak;
    return [half.label, rounded(half.flops / 1e9), rounded(median(half.runMs)), rounded(rate(half)), rounded(percent)];
  });
  const whole = halves.find(({ label }) => label === 'sd15, whole')!;
  return {
    table: {
      columns: ['what', 'GFLOP', 'ms', 'GFLOP/s', '% of GEMM'],
      rows: [...rows, ['Gemm, best', '', '', rounded(peak), 100]],
    },
    goals: [atLeast('SD 1.5 size, whole UNet, to the GEMM peak', GOAL_PERCENT, (100 * rate(whole)) / peak, ' %')],
    plot: {
      title: 'UNet and GEMM in the same runtime',
      unit: 'GFLOP/s',
      bars: [...halves.map((half) => ({ label: half.label, value: rate(half) })), { label: 'Gemm, best', value: peak }],
      goal: (GOAL_PERCENT / 100) * peak,
    },
    samples: { halves, gemm: gemm.samples },
  };
}

/** Both halves and the whole, with guidance, at the checkpoint's own size; products of matrices before each round. */
export async function measureUnet(
  size: ModelSize,
  { rounds, gemm, note }: { rounds: number; gemm: Gemm; note: RunOptions['note'] },
): Promise<Half[]> {
  const pipeline = await openPipeline(await checkpoint(size));
  const { folders, unet: config } = pipeline;
  const { weights: source } = await openComponent(folders.unet);
  const shape = {
    batch: GUIDED,
    height: config.sampleSize,
    width: config.sampleSize,
    tokens: tokensOf(pipeline),
  };
  const [down, up] = [unetDown(config, source, shape), unetUp(config, source, shape, { hasResiduals: false })];
  const device = await openDevice({ device: 'cpu' });
  const unet = await Unet.load(device, folders.unet, config);
  const embeds = { prompt_embeds: f32([GUIDED, shape.tokens, config.crossAttentionDim]) };
  await unet.begin('job', config.added ? { ...embeds, add_embeds: f32([GUIDED, config.added.width]) } : embeds);
  const job = { shape, prompt: 'job', weights: unet.base, signal: new AbortController().signal };
  const times: { down: number; up: number }[] = [];
  for (let round = 0; round <= rounds; round++) {
    await gemm.run();
    const latents = new Float32Array(GUIDED * config.inChannels * shape.height * shape.width);
    times.push({ down: await unet.down(job, latents, 500), up: (await unet.up(job, undefined)).runMs });
    if (size !== 'small') note(`${Math.round(times.at(-1)!.down + times.at(-1)!.up)} ms`);
  }
  await gemm.run();
  await device.close();
  const counted = times.slice(1); // the first run of a session allocates what later ones use again
  return [
    { label: `${size}, down`, flops: down.cost.flops, runMs: counted.map((time) => time.down) },
    { label: `${size}, up`, flops: up.cost.flops, runMs: counted.map((time) => time.up) },
    {
      label: `${size}, whole`,
      flops: down.cost.flops + up.cost.flops,
      runMs: counted.map((time) => time.down + time.up),
    },
  ];
}
