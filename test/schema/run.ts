/**
 * `npm run test:schema`: schemathesis (from PyPI) reads /openapi.json of a mesh with simulated devices and sends what it makes up,
 * right and wrong. Ends with 1 when an answer is a 5xx, is not what the document says, or does not come. `-- --seconds 600 --seed 7`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pythonWith } from '../clients/python.ts';
import { TestMesh } from '../mesh/mesh-kit.ts';

const REQUIREMENT = 'schemathesis==4.32.5';
const CHECKS = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance';
/** An answer that takes longer is one that hangs: the largest batch of the largest pictures takes about 20 s, s. */
const ANSWER_TIMEOUT_SECONDS = '90';
/** Streams without an end. */
const ENDLESS = '/v1/mesh/events';
const DEVICE = { LATENTMESH_DEVICE: 'simulated:h800-sdxl-fused', LATENTMESH_TIME_SCALE: '0.001' };

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '300' },
      seed: { type: 'string', default: '1' },
      examples: { type: 'string', default: '50' },
    },
  });
  const found = await pythonWith(REQUIREMENT);
  if ('missing' in found) {
    process.stdout.write(`skipped: ${found.missing}\n`);
    return 0;
  }
  await using mesh = await TestMesh.start({ model: resolve(import.meta.dirname, '../../models/pocket'), env: DEVICE });
  const args = ['run', `${mesh.httpUrl}/openapi.json`, '--checks', CHECKS, '--exclude-path', ENDLESS];
  const limits = ['--max-time', values.seconds, '--seed', values.seed, '--max-examples', values.examples];
  const tester = spawn(
    join(dirname(found.python), 'st'),
    [...args, ...limits, '--request-timeout', ANSWER_TIMEOUT_SECONDS, '--continue-on-failure'],
    { stdio: 'inherit' },
  );
  const [code] = (await once(tester, 'exit')) as [number | null];
  return code ?? 1;
}

process.exitCode = await main();
