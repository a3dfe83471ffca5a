/** What the command line adds to a job: the start of its process, its connection, and saving the picture. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import type { GenerateReply } from '#shared/contracts/generate.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { BenchMesh } from './local-mesh.ts';
import { median } from './statistics.ts';

const GOAL_MS = 150;
const RUNS = 20;
const STEPS = 4;
const BIN = join(PROJECT_FOLDER, 'services', 'cli', 'bin.js');

export const cli: Benchmark = {
  name: 'cli',
  title: 'What the command line adds to a job',
  measured: `\`latentmesh generate\` on a mesh that runs (pocket model, ${STEPS} steps): from the start of its process to its end, less the job's own time as the mesh tells it; beside it a process of Node that does nothing, by turns`,
  notMeasured: 'the first run after an installation, which fills the cache of compiled code',
  run: measure,
};

interface Sample {
  readonly wallMs: number;
  readonly jobMs: number;
  readonly nodeMs: number;
}

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  await using mesh = await BenchMesh.start(join(PROJECT_FOLDER, 'models', 'pocket'));
  const folder = await mkdtemp(join(tmpdir(), 'latentmesh-cli-'));
  try {
    const run = (): Promise<Sample> => sample(mesh.natsUrl, folder);
    await run(); // compiles, loads
    const samples: Sample[] = [];
    for (let i = 0; i < (isQuick ? 5 : RUNS); i++) samples.push(await run());
    note(`${samples.length} runs`);
    return finding(samples);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function sample(natsUrl: string, folder: string): Promise<Sample> {
  const env = { ...process.env, NATS_URL: natsUrl, LATENTMESH_STATE_DIR: folder };
  const node = await timed(['-e', ''], env);
  const args = [
    'generate',
    'a red boat on the sea',
    '--steps',
    String(STEPS),
    '-o',
    join(folder, 'boat.png'),
    '--json',
  ];
  const { wallMs, stdout } = await timed([BIN, ...args], env);
  const { timings } = JSON.parse(stdout) as GenerateReply;
  return { wallMs, jobMs: timings.total_ms, nodeMs: node.wallMs };
}

async function timed(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ wallMs: number; stdout: string }> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (status !== 0) throw new MeshError('INTERNAL', `${args[1]} ended with status ${status}: ${stdout}`);
  return { wallMs: performance.now() - startedMs, stdout };
}

function finding(samples: readonly Sample[]): Finding {
  const added = samples.map(({ wallMs, jobMs }) => wallMs - jobMs);
  const addedMs = median(added);
  const nodeMs = median(samples.map((one) => one.nodeMs));
  return {
    table: {
      columns: [
        'runs',
        'command ms',
        'job ms',
        'added ms',
        'least',
        'a process that does nothing ms',
        'added, in such processes',
      ],
      rows: [
        [
          samples.length,
          rounded(median(samples.map((one) => one.wallMs))),
          rounded(median(samples.map((one) => one.jobMs))),
          rounded(addedMs),
          rounded(Math.min(...added)),
          rounded(nodeMs),
          rounded(addedMs / nodeMs),
        ],
      ],
    },
    goals: [atMost('added to a job, median', GOAL_MS, addedMs, ' ms')],
    plot: {
      title: 'What the command line adds to a job',
      unit: 'ms',
      bars: [
        { label: '`latentmesh generate`, less the job', value: addedMs },
        { label: 'a process that does nothing', value: nodeMs },
      ],
      goal: GOAL_MS,
    },
    samples,
  };
}
