/** The command line around a mesh: the real program starts one, watches it, measures it, ends it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../temporary-folder.ts';

const folder = await temporaryFolder();
const BIN = join(import.meta.dirname, '../../../services/cli/bin.js');
const { NATS_URL: _, ...inherited } = process.env;
const env = { ...inherited, LATENTMESH_STATE_DIR: folder, LATENTMESH_STUDIO: folder, NO_COLOR: '1' };

const start = (...args: string[]) => spawn(process.execPath, [BIN, ...args], { env, cwd: folder });
const latentmesh = async (...args: string[]) => {
  const child = start(...args);
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { stdout, stderr, status };
};
const json = async (...args: string[]) => JSON.parse((await latentmesh(...args, '--json')).stdout);

// Whatever a failed test leaves running.
afterAll(() => latentmesh('down', '--now'));

describe('command line — a mesh', () => {
  it('that cannot start says why', async () => {
    const { status, stderr } = await latentmesh('up', '--', '--model', '/no/such/model');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error CONFIGURATION: The mesh ended at its start\..*\/no\/such\/model/s);
  });

  it('comes up once, does what is asked, and goes down', async () => {
    const { status, stdout } = await latentmesh('up', '--', '--port', '0', '--nats-port', '0');
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^The mesh is up: http.*nats:/) });
    const again = await json('up');
    expect(again).toMatchObject({ wasRunning: true, natsUrl: expect.stringMatching(/^nats:/) });
    expect((await fetch(`${again.httpUrl}/readyz`)).status).toBe(200);
    expect(await latentmesh('up', '--', '--quiet')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('`latentmesh down` first'),
    });

    const look = JSON.parse((await latentmesh('top', '--once', '--interval', '0.1', '--json')).stdout);
    expect(look).toMatchObject({ model: 'pocket', steps_per_second: 0, running: [], queue: { jobs: 0 } });
    expect((await latentmesh('top', '--once', '--interval', '0.1')).stdout).toMatch(/0 running, queue 0 of.*\n\nROLE/);

    expect(await json('bench', '--jobs', '3', '--at-once', '2', '--steps', '2')).toMatchObject({
      jobs: 3,
      at_once: 2,
      pictures_per_second: expect.any(Number),
      latency_ms: { median: expect.any(Number) },
    });

    const listed = await json('jobs', '--client', 'bench');
    expect(listed.map(({ state }: { state: string }) => state)).toEqual(['done', 'done', 'done', 'done']);
    expect((await latentmesh('jobs', '--limit', '1')).stdout).toMatch(
      /^JOB +STATE +AGO .*\n\w+ +done .*a red boat on the sea\n$/,
    );
    expect(await json('jobs', '--state', 'failed')).toEqual([]);
    expect((await latentmesh('loras')).stdout).toBe('blueprint\nneon\nsketch\n');
    expect(await json('controlnets')).toEqual(['edges', 'layout']);

    const { findings } = await json('doctor');
    expect(findings).toContainEqual({ what: 'mesh', severity: 'ok', found: expect.stringContaining(again.httpUrl) });

    expect(await json('restart')).toMatchObject({ services: 6, tookMs: expect.any(Number) });
    expect(await latentmesh('down')).toMatchObject({ status: 0, stdout: 'The mesh is down.\n' });
    expect(await latentmesh('down')).toMatchObject({
      status: 1,
      stderr: 'error BUS_UNAVAILABLE: No mesh runs here.\n',
    });
  });

  it('is watched line by line on a pipe, until a signal', async () => {
    await latentmesh('up', '--', '--port', '0', '--nats-port', '0');
    const watching = start('top', '--json', '--interval', '0.2');
    const lines = createInterface({ input: watching.stdout })[Symbol.asyncIterator]();
    await lines.next();
    const made = latentmesh('generate', 'a red boat', '--steps', '60', '-o', join(folder, 'boat.png'));
    let look: { running: { steps: number }[]; steps_per_second: number };
    do look = JSON.parse((await lines.next()).value!);
    while (look.steps_per_second === 0 || look.running.length === 0);
    expect(look.running).toMatchObject([{ steps: 60, instance: expect.stringMatching(/^denoiser-/) }]);
    watching.kill('SIGINT');
    const [status] = await once(watching, 'exit');
    expect(status).toBe(0);
    expect((await made).status).toBe(0);
    expect((await latentmesh('down')).status).toBe(0);
  });
});
