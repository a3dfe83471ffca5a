/** What a picture loses when its LoRA enters late: the pocket model's styles, by the step of their entering. */
import { join } from 'node:path';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { decodeBase64Image } from '#shared/image/decode.ts';
import type { Benchmark, Finding, RunOptions } from './benchmark.ts';
import { BenchMesh } from './local-mesh.ts';
import { median } from './statistics.ts';

const MODEL = join(PROJECT_FOLDER, 'models', 'pocket');
const LORAS = ['neon', 'blueprint', 'sketch'];
const STEPS = 20;
const ENTERED = [1, 2, 4, 6, 8, 10, 12, 16];
const PROMPTS = [
  'a red boat on the sea by day',
  'a yellow car in the mountains at sunset',
  'a green tree on a meadow by day',
  'a purple fish in the sea at night',
  'a white cat in the snow by day',
  'an orange balloon in the desert at sunset',
  'a pink flower on a meadow at night',
  'a blue house in the snow at night',
];

/** Shares of the way back to the picture without the LoRA, one for each picture. */
type Lost = ReadonlyMap<number, readonly number[]>;

export const loraStart: Benchmark = {
  name: 'lora-start',
  title: 'What a picture loses when its LoRA enters late (pocket model, 20 steps)',
  measured:
    'pictures with `lora_start` at a step, by how far they are from the picture with the LoRA from the start, in root mean square of the pixels, as a share of how far the picture without the LoRA is from it: 0 % is the same picture, 100 % as far away as without; medians over prompts',
  notMeasured: 'what people see; other models, whose styles may settle earlier or later',
  run: measure,
};

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const prompts = isQuick ? PROMPTS.slice(0, 2) : PROMPTS;
  await using mesh = await BenchMesh.start(MODEL);
  const all = new Map<string, Lost>();
  for (const lora of LORAS) {
    note(lora);
    all.set(lora, await lostBy(mesh, lora, prompts));
  }
  return finding(all);
}

async function lostBy(mesh: BenchMesh, lora: string, prompts: readonly string[]): Promise<Lost> {
  const lost = new Map<number, number[]>(ENTERED.map((step) => [step, []]));
  for (const [seed, prompt] of prompts.entries()) {
    const request = { prompt, seed, steps: STEPS, guidance_scale: 5 };
    const loras = [{ lora, weight: 1 }];
    const exact = await pixels(mesh, { ...request, loras });
    const without = await pixels(mesh, request);
    for (const [step, shares] of lost) {
      const late = await pixels(mesh, { ...request, loras, lora_start: { at_step: step } });
      shares.push(distance(late, exact) / distance(without, exact));
    }
  }
  return lost;
}

async function pixels(mesh: BenchMesh, request: GenerateInput): Promise<Uint8Array> {
  const { reply } = await mesh.generate(request);
  return (await decodeBase64Image(reply.images[0]!.b64_json!)).data;
}

/** Root mean square. */
function distance(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / a.length);
}

function finding(all: ReadonlyMap<string, Lost>): Finding {
  const percent = (shares: readonly number[]): number => Math.round(1000 * median(shares)) / 10;
  const of = (step: number): readonly number[] => [...all.values()].flatMap((lost) => lost.get(step)!);
  return {
    table: {
      columns: ['enters at step', ...all.keys(), 'all, %'],
      rows: ENTERED.map((step) => [
        step,
        ...[...all.values()].map((lost) => percent(lost.get(step)!)),
        percent(of(step)),
      ]),
    },
    goals: [],
    plot: {
      title: `Lost when the LoRA enters at a step of ${STEPS}; 100 % is the picture without it`,
      unit: '%',
      bars: ENTERED.map((step) => ({ label: `step ${step}`, value: percent(of(step)) })),
    },
    samples: Object.fromEntries([...all].map(([lora, lost]) => [lora, Object.fromEntries(lost)])),
  };
}
