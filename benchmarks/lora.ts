/** What a LoRA adds to a job: when its weights are resident, and when nobody has ever seen it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomLora } from '#infra/checkpoint/random-lora.ts';
import { loraBase } from '#shared/checkpoint/lora-base.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import type { GenerateInput, LoraStart } from '#shared/contracts/generate.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint, warmPageCache } from './checkpoints.ts';
import { BenchMesh } from './local-mesh.ts';
import { type LoraTimes, loraTimes } from './lora-times.ts';
import { median } from './statistics.ts';

const SIDE = 512;
const RANK = 64;
/** The job that shares are of. */
const JOB_STEPS = 20;
const SWITCH_GOAL_PERCENT = 1;
const FIRST_USE_GOAL_PERCENT = 2;

export const lora: Benchmark = {
  name: 'lora',
  title: 'What a LoRA of rank 64 on every linear layer adds to a job of the size of SD 1.5',
  measured:
    'requests over NATS until the reply, less the decoding, on a running mesh at 512×512 with guidance, in rounds of a plain job, one with a LoRA that nobody has seen (its file is in the page cache, it is read, hashed, matched and multiplied into 160 weights of the UNet and 72 of the text encoder), and one with it again. Added is the difference to the plain job of the same round; its share is of 20 steps of the plain jobs, whatever number of steps was run. A switch is what spans show between the steps: the lookup at the door and in both actors, the entering, and the first step’s time outside of the runtime beyond that of the others',
  notMeasured: 'disks, LoRAs in a remote store, several jobs at once; patching and steps share the two cores here',
  run: measure,
};

interface Variant {
  readonly label: string;
  readonly start: LoraStart;
  /** Whether nobody has seen the LoRA before. */
  readonly isFirst: boolean;
}

interface Round {
  readonly plain: LoraTimes;
  readonly byLabel: ReadonlyMap<string, LoraTimes>;
}

function variants(steps: number): readonly Variant[] {
  const late = { at_step: steps - 1 };
  return [
    { label: 'first use, exact', start: 'exact', isFirst: true },
    { label: 'resident, exact', start: 'exact', isFirst: false },
    { label: `first use, at step ${steps - 1}`, start: late, isFirst: true },
    { label: `resident, at step ${steps - 1}`, start: late, isFirst: false },
  ];
}

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const [rounds, steps] = isQuick ? [1, 2] : [3, 4];
  const model = await checkpoint('sd15');
  const folder = await mkdtemp(join(tmpdir(), 'latentmesh-loras-'));
  try {
    await writeLoras(folder, model, 2 * rounds);
    await warmPageCache(model);
    await using mesh = await BenchMesh.start(model, ['--loras', folder]);
    note('a job to warm up');
    await mesh.generate(requestOf(steps));
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) measured.push(await measureRound(mesh, { round, steps, note }));
    return finding(measured, steps);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** LoRAs `lora-0`, `lora-1` …, of different numbers. */
async function writeLoras(folder: string, model: string, count: number): Promise<void> {
  const base = await loraBase(await openPipeline(model));
  for (let i = 0; i < count; i++) {
    const tensors = randomLora(base, { seed: 100 + i, dtype: 'f16', rank: RANK, modules: 'linears' });
    await writeSafetensors(join(folder, `lora-${i}.safetensors`), tensors);
  }
}

function requestOf(steps: number): GenerateInput {
  return { sampler: 'Euler', prompt: 'boat', seed: 1, steps, width: SIDE, height: SIDE };
}

async function measureRound(
  mesh: BenchMesh,
  { round, steps, note }: { round: number; steps: number; note: RunOptions['note'] },
): Promise<Round> {
  const run = async (label: string, more: Partial<GenerateInput>): Promise<LoraTimes> => {
    const times = loraTimes(await mesh.generate({ ...requestOf(steps), ...more }));
    note(`${label}: ${Math.round(times.wallMs)} ms`);
    return times;
  };
  const plain = await run('plain', {});
  const byLabel = new Map<string, LoraTimes>();
  let used = 2 * round - 1;
  for (const { label, start, isFirst } of variants(steps)) {
    if (isFirst) used++;
    const loras = [{ lora: `lora-${used}`, weight: 0.5 }];
    byLabel.set(label, await run(label, { loras, lora_start: start }));
  }
  return { plain, byLabel };
}

function finding(rounds: readonly Round[], steps: number): Finding {
  const plainStepMs = median(rounds.flatMap(({ plain }) => plain.steps.map(({ ms }) => ms)));
  const rows = variants(steps).map((variant) => {
    const times = rounds.map(({ byLabel }) => byLabel.get(variant.label)!);
    const addedMs = median(rounds.map(({ plain }, i) => times[i]!.wallMs - plain.wallMs));
    const switchMs = median(times.map((one) => one.switchMs));
    return { ...variant, wallMs: median(times.map(({ wallMs }) => wallMs)), addedMs, switchMs };
  });
  const patchingMs = rounds.flatMap(({ byLabel }) =>
    [...byLabel.values()].flatMap((times) => times.steps.filter((step) => step.isPatching).map(({ ms }) => ms)),
  );
  const share = (ms: number): number => (100 * ms) / (JOB_STEPS * plainStepMs);
  const switches = rows.filter(({ isFirst }) => !isFirst);
  return {
    table: {
      columns: ['job', 'ms', 'added ms', `% of ${JOB_STEPS} steps`, 'switch ms', '% of a step'],
      rows: [
        ['plain', rounded(median(rounds.map(({ plain }) => plain.wallMs))), '', '', '', ''],
        ...rows.map(({ label, wallMs, addedMs, isFirst, switchMs }) => [
          label,
          ...[wallMs, addedMs, share(addedMs)].map(rounded),
          ...(isFirst ? ['', ''] : [rounded(switchMs), rounded((100 * switchMs) / plainStepMs)]),
        ]),
        ['a step, alone', rounded(plainStepMs), '', '', '', ''],
        ['a step beside patching', patchingMs.length > 0 ? rounded(median(patchingMs)) : '–', '', '', '', ''],
      ],
    },
    goals: [
      atMost(
        'switch to a resident LoRA, of a step',
        SWITCH_GOAL_PERCENT,
        (100 * median(switches.map(({ switchMs }) => switchMs))) / plainStepMs,
        ' %',
      ),
      ...rows
        .filter(({ isFirst }) => isFirst)
        .map(({ label, addedMs }) =>
          atMost(`${label}, of ${JOB_STEPS} steps`, FIRST_USE_GOAL_PERCENT, share(addedMs), ' %'),
        ),
    ],
    plot: {
      title: `Time that a LoRA adds to a job of ${JOB_STEPS} steps`,
      unit: '%',
      bars: rows.map(({ label, addedMs }) => ({ label, value: share(addedMs) })),
      goal: FIRST_USE_GOAL_PERCENT,
    },
    samples: rounds.map(({ plain, byLabel }) => ({ plain, ...Object.fromEntries(byLabel) })),
  };
}
