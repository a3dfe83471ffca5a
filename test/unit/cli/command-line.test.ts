import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../temporary-folder.ts';

const folder = await temporaryFolder();
const BIN = join(import.meta.dirname, '../../../services/cli/bin.js');

const latentmesh = async (...args: string[]) => {
  const { NATS_URL: _, ...inherited } = process.env;
  const env = { ...inherited, LATENTMESH_STATE_DIR: folder, NO_COLOR: '1' };
  const child = spawn(process.execPath, [BIN, ...args], { env });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { stdout, stderr, status };
};

describe('command line', () => {
  it.each([
    [['generate'], "missing required argument 'prompt'"],
    [['generate', 'x', '--steps', 'many'], 'Give a whole number.'],
    [['generate', 'x', '--preprocessor', 'depth'], 'Allowed choices are none, canny, softedge_sobel'],
    [['generate', 'x', '--priority', 'urgent'], 'Allowed choices are low, normal, high.'],
    [['generate', 'x', '--original-size', '1024'], 'Width and height are needed: 1024x768.'],
    [['generate', 'x', '--crop', '16x0'], 'Left and top are needed: 16,0.'],
    [['generate', 'x', '--controlnet', 'canny'], 'Write NAME:IMAGE'],
    [['paint'], "unknown command 'paint'"],
  ])('refuses %j with status 2', async (args, why) => {
    expect(await latentmesh(...args)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(why) });
  });

  it('lists its commands with status 0', async () => {
    expect(await latentmesh('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('generate') });
  });

  it('fails with one line and status 1 when no mesh runs', async () => {
    expect(await latentmesh('status')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'error BUS_UNAVAILABLE: No mesh runs here. Start one with `npm start`, or set NATS_URL.\n',
    });
  });

  it('with --json tells the error on stdout', async () => {
    const { stdout, stderr, status } = await latentmesh('status', '--json');
    expect({ stderr, status }).toEqual({ stderr: '', status: 1 });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'BUS_UNAVAILABLE' } });
  });

  it('with --json tells wrong usage on stdout too', async () => {
    const { stdout, status } = await latentmesh('generate', 'x', '--steps', 'many', '--json');
    expect({ status, ...JSON.parse(stdout) }).toMatchObject({
      status: 2,
      error: { code: 'INVALID_REQUEST', message: expect.stringMatching(/^option '--steps .* Give a whole number\.$/) },
    });
  });

  it('tells which image cannot be read before it asks a mesh', async () => {
    expect(await latentmesh('generate', 'x', '--controlnet', 'canny:/no/such.png')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^error FILE_UNREADABLE: \/no\/such\.png cannot be read/),
    });
  });
});
