/** `npm run test:fuzz`: the tests with random input again and again, each time from another seed: 50 times 2000 cases of each kind. */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const MAX_SEED = 2 ** 31;

const { values } = parseArgs({ options: { times: { type: 'string', default: '50' } } });
for (let time = 1; time <= Number(values.times); time++) {
  const seed = `${randomInt(MAX_SEED)}`;
  process.stdout.write(`${time} of ${values.times}: FUZZ_SEED=${seed}\n`);
  const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'unit', 'fuzz', 'unit/wire/codec'], {
    env: { ...process.env, FUZZ_SEED: seed },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) {
    process.stdout.write(`It fails again with FUZZ_SEED=${seed} npx vitest run --project unit fuzz unit/wire/codec\n`);
    process.exit(1);
  }
}
