/** Whatever comes in at whichever door: the same code for the same fault, and a mesh that goes on as if nothing had been. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openResultStore } from '#shared/bus/object-store.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { ERRORS, MeshError } from '#shared/errors/errors.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { writeBadFiles } from './bad-files.ts';
import { BAD_PAYLOADS, BAD_REQUESTS, type Refusal } from './bad-requests.ts';
import { REFERENCE_LORAS, TestMesh } from './mesh-kit.ts';

const BIN = join(import.meta.dirname, '../../services/cli/bin.js');
const PLAIN: GenerateInput = { prompt: 'a cat', seed: 3, steps: 2, width: 64, height: 64 };

interface Told {
  readonly code: string;
  readonly message: string;
  /** Over HTTP. */
  readonly param?: string | null;
  readonly details?: { path?: string; problems?: { path: string }[]; nearest?: string[] };
}

let mesh: TestMesh;
let instances: string[];
let before: Awaited<ReturnType<typeof draw>>;
const folder = await temporaryFolder();

beforeAll(async () => {
  const { loras, controlnets } = await writeBadFiles(folder);
  const env = {
    LATENTMESH_ALLOW_PATHS: '0',
    LATENTMESH_LORAS: `${join(REFERENCE_LORAS, 'refuse')}:${loras}`,
    LATENTMESH_CONTROLNETS: controlnets,
  };
  mesh = await TestMesh.start({ env });
  [instances, before] = [await knownInstances(), await draw()];
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('bad input — over NATS and HTTP', () => {
  it.each(BAD_REQUESTS)('$what', async (row) => {
    expectRefusal(await overNats({ prompt: 'a cat', ...row.request }), row);
    if (row.http === 'none') return;
    const { status, error } = await overHttp(JSON.stringify({ prompt: 'a cat', ...(row.http ?? row.request) }));
    expect(status).toBe(ERRORS[row.code].status);
    expectRefusal(error, { ...row, path: row.httpPath ?? row.path });
  });

  it.each(BAD_PAYLOADS)('a payload of $what', async ({ payload, ...row }) => {
    const reply = await mesh.transport.connection.request(subjects.generate, payload, { timeout: 10_000 });
    expectRefusal(reply.json<{ error: Told }>().error, row);
    const { status, error } = await overHttp(payload);
    expect(status).toBe(ERRORS[row.code].status);
    expectRefusal(error, row);
  });

  it('pictures that are too large, in a body or in the object store', async () => {
    const bytes = Buffer.alloc(17 * 1024 * 1024, 'x');
    const files = await openResultStore(mesh.transport.connection);
    await files.put('huge', bytes);
    const row = { code: 'IMAGE_TOO_LARGE', path: 'controlnets.0.image' } as const;
    const request = (image: string) => ({ prompt: 'a cat', controlnets: [{ controlnet: 'controlnet-a', image }] });
    expectRefusal(await overNats(request('object:huge')), row);
    expectRefusal((await overHttp(JSON.stringify(request(bytes.toString('base64'))))).error, row);
  });

  it('a job of another name than jobs have', async () => {
    for (const subject of [subjects.jobs, subjects.cancel]) {
      for (const job of ['a.b', '*', '>', '', 'a b', '\0', 7, null]) {
        expectRefusal(await overNats({ job }, subject), { code: 'INVALID_REQUEST', path: 'job' });
      }
      expectRefusal(await overNats({ job: 'nobody' }, subject), { code: 'UNKNOWN_JOB' });
    }
  });
});

describe.concurrent('bad input — on the command line', () => {
  it.each(BAD_REQUESTS.filter((row) => row.cli))('$what', async (row) => {
    const { status, stdout } = await commandLine('generate', ...row.cli!, '--json');
    expect(status).toBe(1);
    expectRefusal((JSON.parse(stdout) as { error: Told }).error, row);
  });

  it.each([
    ['a fraction of a pixel', '--width', '64.5'],
    ['steps in words', '--steps', 'many'],
    ['guidance without end', '--guidance', 'Infinity'],
    ['an unknown flag', '--widht', '64'],
    ['an unknown preprocessor', '--preprocessor', 'depth'],
  ])('%s', async (_, ...flags) => {
    const { status, stdout } = await commandLine('generate', 'a cat', ...flags, '--json');
    expect(status).toBe(2);
    expectRefusal((JSON.parse(stdout) as { error: Told }).error, { code: 'INVALID_REQUEST' });
  });
});

describe('bad input — numbers', () => {
  it('a LoRA of NaN fails by its name instead of drawing black', async () => {
    const request = { ...PLAIN, loras: [{ lora: 'not-finite' }] };
    expectRefusal(await overNats(request), { code: 'LORA_INVALID', message: /not-finite.*holds NaN/ });
  });

  it('one LoRA named twice adds up', async () => {
    const twice = await draw({
      loras: [
        { lora: 'a-kohya', weight: 0.25 },
        { lora: 'a-kohya', weight: 0.5 },
      ],
    });
    expectSamePicture(twice, await draw({ loras: [{ lora: 'a-kohya', weight: 0.75 }] }));
  });
});

describe('bad input — on the subjects that the mesh keeps for itself', () => {
  it('noise reaches nobody', async () => {
    const { connection } = mesh.transport;
    const inside = [
      subjects.queue('normal', '0'),
      subjects.events('nobody'),
      subjects.heartbeat('denoiser', 'nobody'),
      subjects.call('nobody'),
      subjects.spans('nobody'),
      ...instances.map((instance) => subjects.instance(instance.replace(/-[0-9a-f]+$/, ''), 'denoise', instance)),
      ...[
        ['denoiser', 'denoise'],
        ['vae', 'decode'],
        ['lora', 'patch'],
        ['controlnet', 'open'],
        ['text-encoder', 'encode'],
      ].map(([role, operation]) => subjects.role(role!, operation!)),
    ];
    const payloads = [
      '',
      '{}',
      'null',
      '[[[[',
      Buffer.from([0xff, 0xc1, 0, 1]),
      Buffer.from('LMW1\xff\xff\xff\xff', 'latin1'),
    ];
    for (const subject of inside) for (const payload of payloads) connection.publish(subject, payload);
    await connection.flush();
    expectSamePicture(await draw(), before);
  });
});

describe('bad input — after all of it', () => {
  it('the picture is the one from before, and no process was started again', async () => {
    expectSamePicture(await draw(), before);
    expect(await knownInstances()).toEqual(instances);
    expect(mesh.log.filter((line) => /died|handled/.test(line))).toEqual([]);
  });
});

/** The code, the field, and nothing that is nobody's business. */
function expectRefusal(told: Told, { code, path, message, nearest }: Refusal): void {
  const { details = {} } = told;
  expect(told).toMatchObject({ code, ...(message && { message: expect.stringMatching(message) }) });
  if (path !== undefined) expect(told.param ?? details.problems?.[0]?.path ?? details.path, told.message).toBe(path);
  if (nearest !== undefined) expect(details.nearest).toContain(nearest);
  const all = JSON.stringify(told);
  for (const secret of [folder, tmpdir(), process.cwd(), REFERENCE_LORAS]) expect(all).not.toContain(secret);
  expect(all).not.toMatch(/\\n\s+at |node_modules|\.ts:\d/);
  expect(all.length).toBeLessThan(20_000);
}

async function overNats(request: object, subject: string = subjects.generate): Promise<Told> {
  const error: unknown = await mesh.ask(subject, request).then(
    () => new Error('It was accepted.'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof MeshError) return error.toWire() as Told;
  throw error;
}

async function overHttp(body: string | Uint8Array<ArrayBuffer>): Promise<{ status: number; error: Told }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${mesh.httpUrl}/v1/images/generations`, { method: 'POST', headers, body });
  const { error } = (await response.json()) as { error: Told };
  if (!error) throw new Error('It was accepted.');
  return { status: response.status, error };
}

async function commandLine(...args: string[]): Promise<{ status: number; stdout: string }> {
  const env = { ...process.env, NATS_URL: mesh.natsUrl, LATENTMESH_STATE_DIR: folder, NO_COLOR: '1' };
  const child = spawn(process.execPath, [BIN, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { status: status as number, stdout };
}

async function draw(more: Partial<GenerateInput> = {}) {
  return decodeImage(await mesh.png(await mesh.generate({ ...PLAIN, ...more })));
}

async function knownInstances(): Promise<string[]> {
  const status = MeshStatus.parse(await mesh.ask(subjects.status, {}));
  return status.instances.map(({ instance }) => instance).toSorted();
}
