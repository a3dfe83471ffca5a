import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingTool } from '../../missing-tool.ts';
import { TestMesh } from '../mesh-kit.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const POCKET = resolve(ROOT, 'models/pocket');
const noPromtool = await missingTool('promtool', 'the Debian package prometheus has it');

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start({ model: POCKET, replicas: { denoiser: 2 } });
  const image = await readFile(resolve(ROOT, 'docs/images/drawing.png'), 'base64');
  const adapted = {
    prompt: 'a red boat on the sea',
    steps: 3,
    seed: 7,
    controlnets: [{ controlnet: 'edges', image, preprocessor: 'none' as const }],
    loras: [{ lora: 'neon', weight: 1 }],
  };
  await mesh.generate(adapted);
  await mesh.generate({ ...adapted, steps: 4 });
});

afterAll(() => mesh[Symbol.asyncDispose]());

async function scrape(accept = '*/*'): Promise<{ text: string; contentType: string | null }> {
  const response = await fetch(`${mesh.httpUrl}/metrics`, { headers: { accept } });
  expect(response.status).toBe(200);
  return { text: await response.text(), contentType: response.headers.get('content-type') };
}

/** Sum over the series of a name whose labels hold all of these. */
function sum(text: string, name: string, ...labels: string[]): number {
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    .map((line) => Number(/\} (\S+)/.exec(line)![1]));
  return values.reduce((total, value) => total + value, 0);
}

describe('metrics — of a whole mesh, from one gateway', () => {
  it('tell what its processes did', async () => {
    const { text, contentType } = await scrape();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(sum(text, 'latentmesh_jobs_total', 'outcome="done"')).toBe(2);
    expect(sum(text, 'latentmesh_step_duration_seconds_count', 'role="denoiser"')).toBe(7);
    expect(sum(text, 'latentmesh_device_runs_total', 'network="controlnet.step"')).toBe(7);
    expect(sum(text, 'latentmesh_device_runs_total', 'network="vae.decode"')).toBe(2);
    for (const stage of ['queued', 'encode', 'denoise', 'decode', 'pictures']) {
      expect(sum(text, 'latentmesh_stage_duration_seconds_count', `stage="${stage}"`)).toBe(2);
    }
    expect(sum(text, 'latentmesh_device_run_seconds_total', 'network="unet.down"')).toBeGreaterThan(0);
    expect(sum(text, 'latentmesh_transfer_bytes_total', 'operation="controlnet.step"')).toBeGreaterThan(0);
  });

  it('tell what was resident: the first job loads a ControlNet, the second finds it', async () => {
    const { text } = await scrape();
    const controlnets = (result: string) => sum(text, 'latentmesh_residency_total', 'kind="controlnet"', `"${result}"`);
    expect([controlnets('miss'), controlnets('hit')]).toEqual([1, 1]);
    expect(sum(text, 'latentmesh_load_duration_seconds_count', 'kind="controlnet"')).toBe(1);
    expect(sum(text, 'latentmesh_residency_total', 'kind="lora"', 'result="miss"')).toBeGreaterThan(0);
    expect(sum(text, 'latentmesh_resident_bytes', 'role="controlnet"')).toBeGreaterThan(0);
  });

  it('tell who is there, and the queue', async () => {
    const { text } = await scrape();
    expect(sum(text, 'latentmesh_instances', 'role="denoiser"')).toBe(2);
    expect(sum(text, 'latentmesh_instances', 'role="vae"')).toBe(1);
    const slots = text.match(/^process_cpu_seconds_total\{.*?slot="[^"]+"/gm);
    expect(new Set(slots).size).toBe(7);
    expect(text).toContain('latentmesh_queue_jobs{state="waiting"} 0');
  });

  it('as OpenMetrics they lead from a slow bucket to the trace of its job', async () => {
    const { trace_id } = await mesh.generate({ prompt: 'a blue fish', steps: 2, seed: 1 });
    const { text, contentType } = await scrape('application/openmetrics-text; version=1.0.0');
    expect(contentType).toMatch(/^application\/openmetrics-text/);
    expect(text).toMatch(new RegExp(`latentmesh_job_duration_seconds_bucket.* # \\{trace_id="${trace_id}"\\}`));
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  it('are there while a process hangs, without it', async () => {
    await mesh.signal('vae', 'SIGSTOP');
    const { text } = await scrape().finally(() => mesh.signal('vae', 'SIGCONT'));
    expect(sum(text, 'latentmesh_jobs_total', 'outcome="done"')).toBe(3);
    expect(text).not.toMatch(/^process_cpu_seconds_total\{role="vae"/m);
  });

  it.skipIf(noPromtool)(
    `promtool finds nothing to complain of${noPromtool ? ` (skipped: ${noPromtool})` : ''}`,
    async () => {
      const { text } = await scrape();
      const told = await new Promise<string>((done) => {
        const child = execFile('promtool', ['check', 'metrics'], (error, stdout, stderr) => {
          done(`${error?.code ?? 0} ${stdout}${stderr}`.trim());
        });
        child.stdin!.end(text);
      });
      expect(told).toBe('0');
    },
  );
});
