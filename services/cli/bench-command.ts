/** `latentmesh bench`: how fast the mesh that runs is, as its callers see it. */
import type { Timings } from '#shared/contracts/generate.ts';
import { newJobId } from './generate-request.ts';
import { type Mesh, openMesh } from './mesh.ts';

/** Flags of `latentmesh bench`. */
export interface BenchFlags {
  readonly json?: boolean;
  readonly jobs?: number;
  readonly atOnce?: number;
  readonly steps?: number;
}

/** What was measured, ms where not said otherwise. */
export interface BenchResult {
  readonly jobs: number;
  readonly at_once: number;
  readonly pictures_per_second: number;
  readonly latency_ms: { readonly median: number; readonly p95: number; readonly least: number; readonly most: number };
  /** Medians of the parts of a job. */
  readonly stages_ms: Omit<Timings, 'total_ms'>;
  /** The first one, which loads what is not there yet; not counted above. */
  readonly first_ms: number;
}

const DEFAULT_JOBS = 8;
const STAGES = ['queued_ms', 'encode_ms', 'denoise_ms', 'decode_ms'] as const;

/** Runs the command. @throws MeshError the mesh's */
export async function bench(prompt: string, flags: BenchFlags): Promise<void> {
  const mesh = await openMesh();
  try {
    const result = await measure(mesh, prompt, flags);
    process.stdout.write(`${flags.json ? JSON.stringify(result) : benchText(result)}\n`);
  } finally {
    await mesh.close();
  }
}

async function measure(mesh: Mesh, prompt: string, flags: BenchFlags): Promise<BenchResult> {
  const { jobs = DEFAULT_JOBS, atOnce = 1, steps } = flags;
  const ask = async (seed: number): Promise<{ ms: number; timings: Timings }> => {
    const startedMs = performance.now();
    const request = { job: newJobId(), prompt, seed, client: 'bench', ...(steps && { steps }) };
    const { timings } = await mesh.client.generate(request);
    return { ms: performance.now() - startedMs, timings };
  };
  const first = await ask(0);
  const seeds = Array.from({ length: jobs }, (_, i) => i + 1);
  const startedMs = performance.now();
  const done: Awaited<ReturnType<typeof ask>>[] = [];
  const worker = async (): Promise<void> => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) done.push(await ask(seed));
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, jobs) }, worker));
  const tookMs = performance.now() - startedMs;
  return summary({ jobs, atOnce, firstMs: first.ms, tookMs, done });
}

/** The numbers of a run. */
export function summary(run: {
  readonly jobs: number;
  readonly atOnce: number;
  readonly firstMs: number;
  readonly tookMs: number;
  readonly done: readonly { readonly ms: number; readonly timings: Timings }[];
}): BenchResult {
  const { jobs, atOnce, firstMs, tookMs, done } = run;
  const latencies = done.map(({ ms }) => ms).sort((a, b) => a - b);
  const stage = (name: (typeof STAGES)[number]): number =>
    quantile(
      done.map(({ timings }) => timings[name]).sort((a, b) => a - b),
      0.5,
    );
  return {
    jobs,
    at_once: atOnce,
    pictures_per_second: (jobs / tookMs) * 1000,
    latency_ms: {
      median: quantile(latencies, 0.5),
      p95: quantile(latencies, 0.95),
      least: latencies[0]!,
      most: latencies.at(-1)!,
    },
    stages_ms: Object.fromEntries(STAGES.map((name) => [name, stage(name)])) as BenchResult['stages_ms'],
    first_ms: firstMs,
  };
}

/** Nearest rank. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** Three lines. */
export function benchText({
  jobs,
  at_once,
  pictures_per_second,
  latency_ms,
  stages_ms,
  first_ms,
}: BenchResult): string {
  const s = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  const { median, p95, least, most } = latency_ms;
  const { queued_ms, encode_ms, denoise_ms, decode_ms } = stages_ms;
  return [
    `${pictures_per_second.toFixed(2)} pictures a second: ${jobs} jobs, ${at_once} at a time; the first one before them took ${s(first_ms)}`,
    `latency  median ${s(median)}, p95 ${s(p95)}, ${s(least)} … ${s(most)}`,
    `medians  queue ${s(queued_ms)}, text ${s(encode_ms)}, denoise ${s(denoise_ms)}, decode ${s(decode_ms)}`,
  ].join('\n');
}
