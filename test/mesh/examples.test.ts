/** Every example of README.md and of the pages for callers, run as it stands against a whole mesh; only addresses are put in. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, symlink } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '#infra/cache-folder.ts';
import { pythonWith } from '../clients/python.ts';
import { type DocExample, docExamples } from '../doc-examples.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { TestMesh } from './mesh-kit.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const PAGES = ['README.md', 'docs/nats.md', 'docs/http.md', 'docs/openai.md', 'docs/a1111.md', 'docs/cli.md'];
const PACKAGES = { webuiapi: 'webuiapi==0.9.17', nats: 'nats-py==2.16.0', openai: 'openai==3.51.0' };
/** Where `GOBIN=<this> go install github.com/nats-io/natscli/nats@v0.5.0` puts it, when it is not on the PATH. */
const NATS_CLI = join(cacheFolder(), 'natscli');
/** Names something that only the reader has. */
const PLACEHOLDER = /some\.safetensors|photo\.png|path\/to/;
/** Pictures that an example writes. */
const WRITTEN = /(?:-o |open\("|writeFile\('|save\(")([\w-]+\.png)/g;
const EXAMPLE_TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;

const run = promisify(execFile);
const folder = await temporaryFolder();
const examples = (await Promise.all(PAGES.map(docExamples))).flat().filter(({ language }) => language !== 'json');
let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start({ model: join(PROJECT, 'models/pocket'), loras: [] });
  await symlink(join(PROJECT, 'docs'), join(folder, 'docs'));
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** The program of an example and its arguments, or what is missing to run it. */
async function programOf({ language, code }: DocExample): Promise<{ file: string; args: string[] } | string> {
  if (PLACEHOLDER.test(code)) return 'it names a file of the reader’s own';
  if (language === 'ts') {
    const inFolder = `process.chdir(${JSON.stringify(folder)});\n${code}`;
    return { file: process.execPath, args: ['--input-type=module-typescript', '--eval', inFolder] };
  }
  if (language === 'python') {
    const used = Object.entries(PACKAGES).find(([name]) => new RegExp(`^(import|from) ${name}\\b`, 'm').test(code));
    if (!used) return { file: 'python3', args: ['-c', code] };
    const found = await pythonWith(used[1]);
    return 'missing' in found ? found.missing : { file: found.python, args: ['-c', code] };
  }
  if (/^nats /m.test(code) && !hasProgram('nats')) return 'the command line of NATS is not installed';
  return { file: 'bash', args: ['-euo', 'pipefail', '-c', code] };
}

function hasProgram(name: string): boolean {
  return searchPath()
    .split(delimiter)
    .some((place) => existsSync(join(place, name)));
}

function searchPath(): string {
  return [join(PROJECT, 'node_modules/.bin'), process.env.PATH, NATS_CLI].join(delimiter);
}

/** What stands on the page for a mesh on this machine becomes the one of the test; curl tells by its code when it is refused. */
function addressed(example: DocExample): DocExample {
  const { port, host } = new URL(mesh.httpUrl);
  const code = example.code
    .replaceAll('nats://127.0.0.1:4222', mesh.natsUrl)
    .replaceAll(/(127\.0\.0\.1|localhost):8188/g, host)
    .replaceAll('port=8188', `port=${port}`)
    .replaceAll('curl -s', 'curl -sf')
    .replaceAll(/\bnats (req|request|micro) /g, `nats --server ${mesh.natsUrl} $1 `)
    .replaceAll('npx latentmesh', `${process.execPath} ${join(PROJECT, 'infra/command/latentmesh.js')}`);
  return { ...example, code };
}

describe('the examples of the documents', () => {
  it('are there', () => {
    expect(new Set(examples.map(({ language }) => language))).toEqual(new Set(['sh', 'ts', 'python']));
    expect(examples.length).toBeGreaterThanOrEqual(12);
  });

  it.for(examples)('$at ($language)', { timeout: EXAMPLE_TIMEOUT_MS }, async (example, { skip }) => {
    const program = await programOf(addressed(example));
    if (typeof program === 'string') return skip(program);
    await run(program.file, program.args, {
      cwd: example.language === 'ts' ? PROJECT : folder,
      timeout: EXAMPLE_TIMEOUT_MS,
      env: { ...process.env, PATH: searchPath(), NATS_URL: mesh.natsUrl },
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    for (const [, picture] of example.code.matchAll(WRITTEN)) {
      expect((await readFile(join(folder, picture!))).subarray(1, 4).toString()).toBe('PNG');
      await rm(join(folder, picture!));
    }
  });
});
