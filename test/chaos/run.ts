/**
 * `npm run test:chaos`: a mesh of real processes under steady load while faults befall it, by a seed. `-- --minutes 60 --seed 7`.
 * Ends with 1 when a job was lost, doubled or wrong, something leaked, or the mesh was not as fast again in time.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Cluster } from './cluster.ts';
import { FAULTS, NOT_DRAWN } from './faults.ts';
import { Load } from './jobs.ts';
import { kinds } from './kinds.ts';
import { findLeaks, holdings } from './leaks.ts';
import { Random } from './random.ts';
import { untilRecovered } from './recovery.ts';
import { type ChaosReport, type Struck, tell, writeReport } from './report.ts';
import { overload, rollingRestart } from './scenarios.ts';

const CLIENTS = 4;
const CALM_MS = 10_000;
const SETTLE_MS = 4000;
const RECOVERY_LIMIT_MS = 15_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '3' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed);
  const random = new Random(seed);
  const faults =
    values.only === undefined ? FAULTS : [...FAULTS, ...NOT_DRAWN].filter(({ name }) => name.includes(values.only!));
  await using cluster = await Cluster.start();
  const jobKinds = await kinds();
  tell('Pictures of a calm mesh.');
  const alone = new Load(cluster, 'alone');
  for (const kind of jobKinds) kind.calm = (await alone.run(kind)).picture!;

  tell('Calm load.');
  const load = new Load(cluster, 'load');
  load.start(CLIENTS, jobKinds);
  await delay(2000);
  const calmFromMs = performance.now();
  await delay(CALM_MS);
  const calmPerSecond = load.endsMs.filter((ms) => ms >= calmFromMs).length / ((performance.now() - calmFromMs) / 1000);
  const before = await holdings(cluster);
  tell(`${calmPerSecond.toFixed(1)} jobs a second.`);

  const struck: Struck[] = [];
  const endMs = performance.now() + Number(values.minutes) * 60_000;
  while (performance.now() < endMs) {
    const fault = random.pick(faults);
    const startedMs = performance.now();
    const what = await fault.strike(cluster, random);
    const lastedMs = performance.now() - startedMs;
    const recoveryMs = await untilRecovered(load.endsMs, calmPerSecond, RECOVERY_LIMIT_MS);
    struck.push({ fault: fault.name, what, lastedMs, recoveryMs: recoveryMs ?? null });
    tell(
      `${struck.length} ${fault.name}: ${what}; recovered ${recoveryMs === undefined ? 'NOT' : `after ${Math.round(recoveryMs)} ms`}`,
    );
  }
  await load.finish();
  const wrong = await load.findWrong();
  tell('Rolling restart of every process under load.');
  const rolling = await rollingRestart(cluster, jobKinds, CLIENTS);
  wrong.push(...rolling.wrong);
  tell('Load past capacity.');
  const over = await overload(cluster, jobKinds, { clients: CLIENTS, calmPerSecond });
  wrong.push(...over.wrong);
  await delay(SETTLE_MS);
  const leaks = findLeaks(before, await holdings(cluster));
  const report: ChaosReport = {
    seed,
    minutes: Number(values.minutes),
    calmPerSecond,
    jobs: load.jobs.length,
    struck,
    rolling: rolling.figures,
    overload: over.figures,
    wrong,
    leaks,
  };
  return writeReport(report, values.write);
}

process.exit(await main());
