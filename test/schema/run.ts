/**
 * `npm run test:schema`: schemathesis (from PyPI) reads /openapi.json of a mesh with simulated devices and sends what it makes up,
 * right and wrong. Ends with 1 when an answer is a 5xx, is not what the document says, or does not come. `-- --seconds 600 --seed 7`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
const PROFILE = resolve(import.meta.dirname, '../../loadtest/profiles/h800-sdxl-fused.json');
/** Networks of `deep_cache`, of which nobody has published times. */
const SHALLOW = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((layers) => `unet.shallow${layers}`);
/** Who asks for an answer within a millisecond is told so by 504. */
const SETTINGS = '[checks]\nnot_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "504"]\n';

/** A profile that knows every network, and the tester's settings. @returns the environment of the mesh */
async function prepare(folder: string): Promise<Record<string, string>> {
  const profile = JSON.parse(await readFile(PROFILE, 'utf8')) as { networks: Record<string, object> };
  const shallow = SHALLOW.map((name) => [name, { ms: { 1: 1 }, source: 'made up: any time will do here' }]);
  const networks = { ...profile.networks, ...Object.fromEntries(shallow) };
  await writeFile(join(folder, 'any.json'), JSON.stringify({ ...profile, name: 'any', networks }));
  await writeFile(join(folder, 'schemathesis.toml'), SETTINGS);
  return { LATENTMESH_DEVICE: 'simulated:any', LATENTMESH_PROFILES: folder, LATENTMESH_TIME_SCALE: '0.001' };
}

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
  const folder = await mkdtemp(join(tmpdir(), 'latentmesh-schema-'));
  await using resources = new AsyncDisposableStack();
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const env = await prepare(folder);
  await using mesh = await TestMesh.start({ model: resolve(import.meta.dirname, '../../models/pocket'), env });
  const args = ['run', `${mesh.httpUrl}/openapi.json`, '--checks', CHECKS, '--exclude-path', ENDLESS];
  const limits = ['--max-time', values.seconds, '--seed', values.seed, '--max-examples', values.examples];
  const tester = spawn(
    join(dirname(found.python), 'st'),
    [...args, ...limits, '--request-timeout', ANSWER_TIMEOUT_SECONDS, '--continue-on-failure'],
    { stdio: 'inherit', cwd: folder },
  );
  const [code] = (await once(tester, 'exit')) as [number | null];
  return code ?? 1;
}

process.exitCode = await main();
