/** What a picture loses when its LoRA enters late: the pocket model's styles, by the step of their entering. */
import type { Benchmark, Finding, RunOptions } from './benchmark.ts';
import { BenchMesh } from './local-mesh.ts';
import { rootMeanSquare } from './picture-distance.ts';
import { POCKET, POCKET_PROMPTS, pixels } from './pocket-pictures.ts';
import { median } from './statistics.ts';

const LORAS = ['neon', 'blueprint', 'sketch'];
const STEPS = 20;
const ENTERED = [1, 2, 4, 6, 8, 10, 12, 16];
const PROMPTS = [...POCKET_PROMPTS, 'a blue house in the snow at night'];

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
  await using mesh = await BenchMesh.start(POCKET);
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
      shares.push(rootMeanSquare(late, exact) / rootMeanSquare(without, exact));
    }
  }
  return lost;
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
