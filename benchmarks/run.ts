/**
 * `npm run bench`: measures this machine and writes what it found to `benchmarks/results/`.
 *
 * Run: `node benchmarks/run.ts [--only NAME]… [--quick] [--impatient]`
 */
import { parseArgs, styleText } from 'node:util';
import type { Benchmark } from './benchmark.ts';
import { cancel } from './cancel.ts';
import { cli } from './cli.ts';
import { gateway } from './gateway.ts';
import { lora } from './lora.ts';
import { loraStart } from './lora-start.ts';
import { describeMachine, waitForQuiet } from './machine.ts';
import { memory } from './memory.ts';
import { meshOverhead } from './mesh-overhead.ts';
import { writeResults } from './results.ts';
import { sdxl } from './sdxl.ts';
import { sequential } from './sequential.ts';
import { speed } from './speed.ts';
import { startUp } from './start-up.ts';
import { goalsTable, tableText } from './table.ts';
import { tracing } from './tracing.ts';
import { transfer } from './transfer.ts';
import { unetFlops } from './unet-flops.ts';

const BENCHMARKS: readonly Benchmark[] = [
  startUp,
  memory,
  unetFlops,
  meshOverhead,
  lora,
  loraStart,
  transfer,
  sequential,
  speed,
  cancel,
  gateway,
  tracing,
  sdxl,
  cli,
];

/** Not among those that run unasked: it writes 7 GB into the cache and takes 16 GB of memory. */
const ON_REQUEST: readonly Benchmark[] = [sdxl];

/** How long to wait for a machine that is busy with something else, ms. */
const QUIET_PATIENCE_MS = 2 * 60_000;

const USAGE = `Usage: npm run bench -- [--only NAME]… [--quick] [--impatient]

  --only NAME   one of ${BENCHMARKS.map(({ name }) => name).join(', ')}; repeatable.
                Without it all but ${ON_REQUEST.map(({ name }) => name).join(', ')}
  --quick       fewer repetitions: to see that it works
  --impatient   do not wait until the machine is quiet
`;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { only, quick, impatient, help } = parseArgs({
  options: {
    only: {
      type: 'string',
      multiple: true,
      default: BENCHMARKS.filter((one) => !ON_REQUEST.includes(one)).map(({ name }) => name),
    },
    quick: { type: 'boolean', default: false },
    impatient: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
}).values;

const unknown = only.find((name) => !BENCHMARKS.some((one) => one.name === name));
if (help || unknown !== undefined) {
  say(unknown === undefined ? USAGE : `There is no benchmark "${unknown}".\n\n${USAGE}`);
  process.exit(help ? 0 : 2);
}

const machine = await describeMachine();
say(
  Object.entries(machine)
    .map(([key, value]) => `${key} ${value}`)
    .join(' · '),
);
for (const benchmark of BENCHMARKS.filter(({ name }) => only.includes(name))) {
  say(
    `\n${styleText('bold', benchmark.title)}\nmeasured: ${benchmark.measured}\nnot measured: ${benchmark.notMeasured}`,
  );
  const load = await waitForQuiet(impatient ? 0 : QUIET_PATIENCE_MS);
  const note = (text: string): void => void process.stderr.write(`… ${text}\n`);
  const finding = await benchmark.run({ isQuick: quick, note });
  say(`\n${tableText(finding.table)}`);
  if (finding.goals.length > 0) say(`\n${tableText(goalsTable(finding.goals))}`);
  const file = await writeResults(benchmark, finding, { machine, load, isQuick: quick, date: new Date() });
  say(`\nmachine ${Math.round(load.busy * 100)} % busy before; written to ${file}`);
}
