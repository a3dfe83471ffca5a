import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROLES } from '#infra/mesh/options.ts';
import { requestJson } from '#shared/bus/door.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { type Heartbeat, MeshStatus } from '#shared/contracts/heartbeat.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { ComposeProject, docker, missingDocker } from './docker.ts';

const missing = await missingDocker();
if (missing) process.stdout.write(`test:compose is skipped: ${missing}\n`);

const SEED = 7;
const JOB_TIMEOUT_MS = 90_000;
const HINT = await readFile(resolve(import.meta.dirname, '../../docs/images/drawing.png'), 'base64');
const edges = { controlnet: 'edges', image: HINT, preprocessor: 'none' as const };

const folder = await temporaryFolder();

let project: ComposeProject;
let transport: NatsTransport;

/** Figures of the last run, for docs/operate.md. */
const REPORT = resolve(import.meta.dirname, '../../.latentmesh/compose-report.txt');

async function startReport(): Promise<void> {
  const [load] = loadavg();
  await mkdir(dirname(REPORT), { recursive: true });
  const machine = `${availableParallelism()} cores of ${cpus()[0]!.model}, load ${load!.toFixed(1)} before the start`;
  await writeFile(REPORT, `${new Date().toISOString()}, ${machine}\n`);
}

async function tell(line: string): Promise<void> {
  process.stdout.write(`compose: ${line}\n`);
  await appendFile(REPORT, `${line}\n`);
}

function report(what: string, startedMs: number): Promise<void> {
  return tell(`${what} after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}

async function generate(input: Partial<GenerateInput> = {}): Promise<GenerateReply> {
  const request = { prompt: 'a red boat on the sea', seed: SEED, ...input };
  return (await requestJson(transport, subjects.generate, request, { timeoutMs: JOB_TIMEOUT_MS })) as GenerateReply;
}

async function instances(role: Heartbeat['role']): Promise<Heartbeat[]> {
  const status = await requestJson(transport, subjects.status, {}, { timeoutMs: 5000 });
  return MeshStatus.parse(status).instances.filter((one) => one.role === role);
}

async function callsOf(replies: readonly GenerateReply[], operation: string): Promise<SpanRecord[]> {
  const traces = await Promise.all(
    replies.map(({ job }) => requestJson(transport, subjects.trace, { job }, { timeoutMs: 5000 })),
  );
  const spans = (traces as { spans: SpanRecord[] }[]).flatMap((trace) => trace.spans);
  return spans.filter(({ name }) => name === `call ${operation}`);
}

describe.skipIf(missing)(`compose — the whole mesh in containers${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let calm: string;

  beforeAll(async () => {
    project = await ComposeProject.create();
    await project.compose('build', 'gateway');
    await startReport();
    const startedMs = performance.now();
    await project.compose('up', '-d', '--wait', '--no-build');
    await report('every service healthy', startedMs);
    const body = JSON.stringify({ prompt: 'a red boat on the sea', seed: SEED });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${project.httpUrl}/v1/images/generations`, { method: 'POST', headers, body });
    expect(response.status).toBe(200);
    await report('first picture over HTTP', startedMs);
    const nkeyFile = await project.clientKey(folder);
    transport = await connectNats({ url: project.natsUrl, name: 'test', identity: 'client', nkeyFile });
    calm = (await generate()).images[0]!.b64_json!;
  });

  afterAll(async () => {
    await transport?.close();
    await project?.[Symbol.asyncDispose]();
  });

  it('the image is small, and holds ONNX Runtime for one platform', async () => {
    const sizeBytes = Number(await docker(['image', 'inspect', '--format', '{{.Size}}', project.image]));
    await tell(`the image is ${Math.round(sizeBytes / 1e6)} MB`);
    expect(sizeBytes).toBeLessThan(700e6);
    const runtime = '/app/node_modules/onnxruntime-node/bin/napi-v6';
    const shown = await project.compose('exec', '-T', 'vae', 'sh', '-c', `cd ${runtime} && ls -d */*`);
    expect(shown.split('\n')).toHaveLength(1);
  });

  it('nobody is root, and nothing but /tmp can be written', async () => {
    for (const role of ROLES) {
      const script = 'id -u; touch /app/x 2>/dev/null || echo read-only; touch /tmp/x && echo tmp';
      expect(await project.compose('exec', '-T', role, 'sh', '-c', script)).toBe('1000\nread-only\ntmp');
    }
  });

  it('NATS lets in nobody without a key, and each role has its own and no other', async () => {
    await expect(connectNats({ url: project.natsUrl, name: 'stranger' })).rejects.toMatchObject({
      code: 'CONFIGURATION',
    });
    for (const role of ROLES) {
      const found = await project.compose('exec', '-T', role, 'sh', '-c', 'cd /keys; ls */*.nk; touch */* || true');
      const ofRole = `${role}/${role}.nk`;
      expect(found.split('\n')).toEqual(role === 'gateway' ? ['client/client.nk', ofRole] : [ofRole]);
    }
  });

  it('keys stay when everything is brought up again', async () => {
    const seed = await readFile(join(folder, 'client.nk'), 'utf8');
    await project.compose('up', '-d', '--wait', '--no-build');
    expect(await readFile(await project.clientKey(folder), 'utf8')).toBe(seed);
    expect((await generate()).images[0]!.b64_json).toBe(calm);
  });

  it('the studio is at the gateway, without a build', async () => {
    const page = await fetch(`${project.httpUrl}/`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    expect(await page.text()).toContain('<script');
  });

  it('metrics of every container are at the gateway', async () => {
    const text = await (await fetch(`${project.httpUrl}/metrics`)).text();
    const told = new Set([...text.matchAll(/^process_cpu_seconds_total\{role="([a-z-]+)"/gm)].map(([, role]) => role));
    expect([...told].toSorted()).toEqual(ROLES.toSorted());
  });

  it('the command line is in the container', async () => {
    expect(await project.compose('exec', '-T', 'gateway', 'latentmesh', 'status')).toContain('model pocket');
  });

  it('a start reads compiled code, as the user of the container', async () => {
    const debug = ['-e', 'NODE_DEBUG_NATIVE=COMPILE_CACHE', '-e', 'NATS_URL=nats://127.0.0.1:1'];
    const start = 'node services/vae/main.ts 2>&1 || true';
    const told = await project.compose('exec', '-T', ...debug, 'vae', 'sh', '-c', start);
    expect(told).toContain('BUS_UNAVAILABLE');
    expect(told).toContain('code cache for ESM file:///app/services/vae/main.ts was accepted');
  });

  it('--scale controlnet=3 is used at once, and residuals go from container to container by TCP', async () => {
    const startedMs = performance.now();
    const isNew = new Set((await instances('controlnet')).map(({ instance }) => instance));
    // Without `--no-deps` compose runs the service that makes keys again, a second more.
    const scale = ['--no-build', '--no-recreate', '--no-deps', '--scale', 'controlnet=3', 'controlnet'];
    await project.compose('up', '-d', ...scale);
    await report('compose had started further ControlNets', startedMs);
    const used = new Set<string>();
    // As soon as there is one that takes work, it is asked: three places are wanted at the same time, each for longer than a
    // ControlNet takes to load (smaller pictures would wait for the one that has it).
    while ([...used].filter((instance) => !isNew.has(instance)).length === 0) {
      const reply = await generate({ controlnets: [edges, edges, edges], steps: 4, width: 256, height: 256 });
      const calls = await callsOf([reply], 'controlnet.step');
      for (const { attributes } of calls) used.add(`${attributes['latentmesh.instance']}`);
      const large = calls.filter(({ attributes }) => attributes['latentmesh.route'] !== 'inline');
      expect(new Set(large.map(({ attributes }) => attributes['latentmesh.route']))).toEqual(new Set(['tcp']));
    }
    await report('a further ControlNet was used', startedMs);
  });

  it('a denoiser that is killed in mid-job costs time, and no picture', async () => {
    await project.compose(
      'up',
      '-d',
      '--wait',
      '--no-build',
      '--no-recreate',
      '--scale',
      'denoiser=2',
      '--scale',
      'controlnet=3',
    );
    const jobs = Array.from({ length: 4 }, () => generate({ steps: 20 }));
    const [first] = await project.containers('denoiser');
    await docker(['kill', first!]);
    const pictures = (await Promise.all(jobs)).map(({ images }) => images[0]!.b64_json);
    expect(new Set(pictures)).toEqual(new Set([calm]));
  });

  it('ends in order: whoever stops has finished what it had', async () => {
    await transport.close();
    const startedMs = performance.now();
    await project.compose('stop', ...ROLES);
    await report('everyone had left', startedMs);
    const states = await Promise.all(
      (await Promise.all(ROLES.map((role) => project.containers(role)))).flat().map(async (container) => {
        return project.inspect(container, '{{.State.ExitCode}}');
      }),
    );
    // 137 is the one that was killed above.
    expect(states.filter((code) => code !== '0')).toEqual(['137']);
  });
});
