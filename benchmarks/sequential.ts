/** The mesh beside a plain pipeline of the same networks, on the same cores. */
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint, warmPageCache } from './checkpoints.ts';
import { BenchMesh } from './local-mesh.ts';
import { SequentialPipeline } from './sequential-pipeline.ts';
import { median } from './statistics.ts';

const SIDE = 512;

interface Variant {
  readonly label: string;
  readonly controlnets: readonly string[];
  readonly loras: readonly { readonly lora: string; readonly weight: number }[];
}

const VARIANTS: readonly Variant[] = [
  { label: '0C0L', controlnets: [], loras: [] },
  { label: '1C0L', controlnets: ['edges'], loras: [] },
  {
    label: '2C2L',
    controlnets: ['edges', 'edges'],
    loras: [
      { lora: 'sketch', weight: 0.6 },
      { lora: 'neon', weight: 0.4 },
    ],
  },
];

interface Row {
  readonly variant: Variant;
  /** The first loads ControlNets and multiplies LoRAs. ms */
  readonly pipeline: readonly number[];
  readonly mesh: readonly number[];
}

export const sequential: Benchmark = {
  name: 'sequential',
  title: 'The mesh beside a plain pipeline of the same networks (SD 1.5 size, 512², guidance)',
  measured:
    'by turns, the same jobs in one process that runs text encoder, ControlNets, UNet and VAE one after the other on one device of all cores, and as requests over NATS until the reply with the picture; the first job of a kind loads its ControlNets and multiplies its LoRAs, on the path in the pipeline, beside the steps in the mesh where they may (ControlNets; LoRAs start exact). The second one of a kind finds them there',
  notMeasured:
    'more than one device: here every network of the mesh shares the two cores, so nothing that it does at once can be faster',
  run: measure,
};

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const steps = isQuick ? 1 : 2;
  const model = await checkpoint('sd15');
  await warmPageCache(model);
  await using pipeline = await SequentialPipeline.load(model);
  await using mesh = await BenchMesh.start(model);
  const rows: Row[] = [];
  for (const variant of isQuick ? VARIANTS.slice(0, 2) : VARIANTS) {
    const row: Row & { readonly pipeline: number[]; readonly mesh: number[] } = { variant, pipeline: [], mesh: [] };
    for (let round = 0; round < 3; round++) {
      const prompt = `boat ${round}`;
      row.pipeline.push(await timeOf(() => pipeline.generate({ ...variant, prompt, steps, side: SIDE })));
      row.mesh.push((await mesh.generate(await requestOf(variant, { prompt, steps, seed: round }))).wallMs);
      note(`${variant.label}: ${Math.round(row.pipeline.at(-1)!)} ms, mesh ${Math.round(row.mesh.at(-1)!)} ms`);
    }
    rows.push(row);
  }
  return finding(rows, steps);
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

async function requestOf(
  { controlnets, loras }: Variant,
  job: { readonly prompt: string; readonly steps: number; readonly seed: number },
): Promise<GenerateInput> {
  const black = await encodePng(tensor('u8', [SIDE, SIDE, 3], new Uint8Array(SIDE * SIDE * 3)));
  const image = Buffer.from(black).toString('base64');
  return {
    ...job,
    sampler: 'Euler',
    width: SIDE,
    height: SIDE,
    controlnets: controlnets.map((controlnet) => ({ controlnet, image, preprocessor: 'none' })),
    loras: [...loras],
  };
}

function finding(rows: readonly Row[], steps: number): Finding {
  const ratio = (row: Row): number => median(row.mesh.slice(1)) / median(row.pipeline.slice(1));
  return {
    table: {
      columns: ['job', 'pipeline ms', 'mesh ms', 'ratio', 'first, pipeline ms', 'first, mesh ms'],
      rows: rows.map((row) => [
        `${row.variant.label}, ${steps} steps`,
        rounded(median(row.pipeline.slice(1))),
        rounded(median(row.mesh.slice(1))),
        Number(ratio(row).toFixed(3)),
        rounded(row.pipeline[0]!),
        rounded(row.mesh[0]!),
      ]),
    },
    goals: rows.map((row) => atMost(`${row.variant.label}, mesh to pipeline`, 1.02, Number(ratio(row).toFixed(3)))),
    plot: {
      title: 'A job by the mesh, to the plain pipeline on the same cores',
      unit: '×',
      bars: rows.map((row) => ({ label: row.variant.label, value: ratio(row) })),
    },
    samples: rows.map(({ variant: { label }, pipeline, mesh }) => ({ label, pipeline, mesh })),
  };
}
