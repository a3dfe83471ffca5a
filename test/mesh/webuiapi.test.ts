/** A1111's Python client (webuiapi, from PyPI) against a whole mesh: its own calls, nothing patched. */
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../clients/python.ts';
import { TestMesh } from './mesh-kit.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const client = await pythonWith('webuiapi==0.9.17');
const missing = 'missing' in client ? client.missing : undefined;

describe('webuiapi — a session with a mesh', () => {
  it.skipIf(missing)(`draws, styles, controls, edits and reads${missing ? `: skipped, ${missing}` : ''}`, async () => {
    await using mesh = await TestMesh.start({
      model: resolve(PROJECT, 'models/pocket'),
    });
    const { hostname, port } = new URL(mesh.httpUrl);
    const script = resolve(PROJECT, 'test/clients/webuiapi_session.py');
    const drawing = resolve(PROJECT, 'docs/images/drawing.png');
    const told = await runPython((client as { python: string }).python, [script, hostname, port, drawing]);
    expect(told).toMatchObject({
      models: ['pocket'],
      current: 'pocket',
      samplers: expect.arrayContaining(['DPM++ 2M', 'Euler a']),
      schedulers: expect.arrayContaining(['karras']),
      loras: expect.arrayContaining(['neon']),
      controlnets: ['edges', 'layout'],
      modules: expect.arrayContaining(['canny', 'none']),
      size: [128, 128],
      info: { seed: 7, steps: 6, sampler_name: 'DPM++ 2M' },
      text: expect.stringContaining('Seed: 7'),
      png_info: expect.stringContaining('Seed: 7'),
      is_same: true,
      is_styled: true,
      controlled: true,
      edited: [
        [128, 128],
        [128, 128],
      ],
      edges: 1,
      refused: [422, 'UNSUPPORTED_OPTION'],
    });
  });
});
