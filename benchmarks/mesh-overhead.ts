/** What the mesh costs: the time of a job over that of its networks alone. */

import type { GenerateInput } from '#shared/contracts/generate.ts';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint, type ModelSize, warmPageCache } from './checkpoints.ts';
import { networkTime } from './critical-path.ts';
import { BenchMesh } from './local-mesh.ts';
import { median } from './statistics.ts';

interface Setting {
  readonly size: ModelSize;
  readonly label: string;
  readonly side: number;
  readonly steps: number;
  readonly jobs: number;
  readonly goal: number;
}

interface Sample {
  readonly wallMs: number;
  readonly networkMs: number;
}

interface Row {
  readonly setting: Setting;
  readonly variant: string;
  /** With what loading a ControlNet, patching a LoRA and opening sessions cost. */
  readonly first: Sample;
  readonly rest: readonly Sample[];
}

const SMALL: Setting = { size: 'small', label: 'small, 128², 20 steps', side: 128, steps: 20, jobs: 12, goal: 1.15 };
const SD15: Setting = { size: 'sd15', label: 'SD 1.5 size, 512², 4 steps', side: 512, steps: 4, jobs: 3, goal: 1.02 };
const QUICK: readonly Setting[] = [
  { ...SMALL, jobs: 5 },
  { ...SD15, label: 'SD 1.5 size, 512², 2 steps', steps: 2, jobs: 1 },
];

const ratioOf = ({ wallMs, networkMs }: Sample): number => wallMs / networkMs;

export const meshOverhead: Benchmark = {
  name: 'mesh-overhead',
  title: 'A job through the mesh, over the sum of the network runs on its critical path',
  measured:
    'a request over NATS until its reply with the picture, one job at a time on a running mesh, beside the time that its networks spent in the runtime in that same job (text encoder, per step the longer of UNet down and ControlNet, UNet up, VAE); medians over jobs, and the first job of its kind by itself, which also loads the ControlNet and patches the LoRA',
  notMeasured: 'jobs that compete, several hosts, HTTP',
  run: measure,
};

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const rows: Row[] = [];
  for (const setting of isQuick ? QUICK : [SMALL, SD15]) {
    const model = await checkpoint(setting.size);
    await warmPageCache(model);
    await using mesh = await BenchMesh.start(model);
    for (const [variant, extras] of await variants(setting)) {
      note(`${setting.label}: ${variant}`);
      rows.push(await measureRow(mesh, { setting, variant, extras }));
    }
  }
  return finding(rows);
}

/** The same picture plain and with what can be added. */
async function variants({ side }: Setting): Promise<[string, Partial<GenerateInput>][]> {
  const image = Buffer.from(await encodePng(squarePicture(side))).toString('base64');
  const controlnets = [{ controlnet: 'edges', image }];
  const loras = [{ lora: 'sketch', weight: 0.8 }];
  return [
    ['plain', {}],
    ['with ControlNet', { controlnets }],
    ['with LoRA', { loras }],
    ['with both', { controlnets, loras: [{ lora: 'neon', weight: 0.8 }] }],
  ];
}

async function measureRow(
  mesh: BenchMesh,
  { setting, variant, extras }: { setting: Setting; variant: string; extras: Partial<GenerateInput> },
): Promise<Row> {
  const samples: Sample[] = [];
  for (let i = 0; i <= setting.jobs; i++) {
    // Another prompt each time: what was encoded before is remembered.
    const request = {
      sampler: 'Euler', // calls the UNet once per step
      prompt: `${variant} boat ${i}`,
      seed: i,
      steps: setting.steps,
      width: setting.side,
      height: setting.side,
    };
    const { wallMs, spans } = await mesh.generate({ ...request, ...extras });
    samples.push({ wallMs, networkMs: networkTime(spans).criticalMs });
  }
  const [first, ...rest] = samples;
  return { setting, variant, first: first!, rest };
}

function finding(rows: readonly Row[]): Finding {
  const ratio = ({ rest }: Row): number => median(rest.map(ratioOf));
  return {
    table: {
      columns: ['model', 'job', 'wall ms', 'networks ms', 'ratio', 'first ratio'],
      rows: rows.map((row) => [
        row.setting.label,
        row.variant,
        rounded(median(row.rest.map((sample) => sample.wallMs))),
        rounded(median(row.rest.map((sample) => sample.networkMs))),
        Number(ratio(row).toFixed(3)),
        Number(ratioOf(row.first).toFixed(3)),
      ]),
    },
    goals: rows.map((row) =>
      atMost(`${row.setting.label}, ${row.variant}`, row.setting.goal, Number(ratio(row).toFixed(3))),
    ),
    plot: {
      title: 'Cost of the mesh, beyond the time of the networks alone',
      unit: '%',
      bars: rows.map((row) => ({ label: `${row.setting.size}, ${row.variant}`, value: (ratio(row) - 1) * 100 })),
    },
    samples: rows.map(({ setting, variant, first, rest }) => ({ model: setting.label, variant, first, rest })),
  };
}

/** A white square on black, u8 [side, side, 3]. */
function squarePicture(side: number) {
  const data = new Uint8Array(side * side * 3);
  for (let y = side / 4; y < (side * 3) / 4; y++)
    data.fill(255, (y * side + side / 4) * 3, (y * side + (side * 3) / 4) * 3);
  return tensor('u8', [side, side, 3], data);
}
