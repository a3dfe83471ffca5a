/** A denoiser of the size of SDXL: how fast it starts, what it holds in memory, how much of the machine it uses. */
import { atLeast, atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { Gemm } from './gemm.ts';
import { GIB, MEMORY_MARGIN, measureResidence } from './memory.ts';
import { measureUnet, rate } from './unet-flops.ts';

const SIDE = 1024;
const START_GOAL_S = 20;
const FLOPS_GOAL_PERCENT = 75;

export const sdxl: Benchmark = {
  name: 'sdxl',
  title: 'A denoiser of the size of SDXL at 1024×1024, with guidance',
  measured:
    'a denoiser from its process to its ready report, its weights (f16 on disk) in the page cache; its resident set at the largest during a job, beside weights in f32 and activations, as in `memory`; floating-point operations per second of the UNet to the GEMM peak, as in `unet-flops`',
  notMeasured: 'text encoders and VAE; pictures: the weights are random',
  run: measure,
};

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const { rows, ratio, readyMs, limitBytes } = await measureResidence('sdxl', { side: SIDE, steps: 1, note });
  const gemm = await Gemm.open();
  const halves = await measureUnet('sdxl', { rounds: isQuick ? 1 : 3, gemm, note });
  const whole = halves.at(-1)!;
  const percent = (100 * rate(whole)) / gemm.best;
  return {
    table: {
      columns: ['what', 'measured', 'unit'],
      rows: [
        ['ready', rounded(readyMs / 1000), 's'],
        ...rows.map(([what, bytes]) => [what, rounded(bytes / GIB), 'GiB']),
        ...halves.map((half) => [half.label, rounded(rate(half)), 'GFLOP/s']),
        ['Gemm, best', rounded(gemm.best), 'GFLOP/s'],
      ],
    },
    goals: [
      atMost('from process to ready', START_GOAL_S, readyMs / 1000, ' s'),
      atMost('resident during a job, to weights + activations', MEMORY_MARGIN, ratio, '×'),
      atLeast('whole UNet, to the GEMM peak', FLOPS_GOAL_PERCENT, percent, ' %'),
    ],
    plot: {
      title: 'Memory of a denoiser of the size of SDXL at 1024×1024',
      unit: 'GiB',
      bars: rows.map(([label, bytes]) => ({ label, value: bytes / GIB })),
      goal: limitBytes / GIB,
    },
    samples: { readyMs, memory: Object.fromEntries(rows), halves, gemm: gemm.samples },
  };
}
