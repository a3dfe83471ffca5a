import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkMachine } from '#infra/doctor/checks.ts';
import { doctorText } from '../../../services/cli/doctor-command.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const folder = await temporaryFolder();

describe('doctor — this machine', () => {
  it('finds what the tests themselves need', async () => {
    const findings = await checkMachine();
    const severity = (what: string) => findings.find((one) => one.what === what)?.severity;
    expect(['Node', 'onnxruntime-node', 'sharp', 'model', 'state'].map(severity)).toEqual(Array(5).fill('ok'));
  });

  it('says what is wrong with a model, and the command that mends it', async () => {
    await mkdir(join(folder, 'empty'));
    const findings = await checkMachine(join(folder, 'empty'));
    expect(findings).toContainEqual({
      what: 'model',
      severity: 'missing',
      found: expect.stringContaining('model_index.json'),
      remedy: expect.stringContaining('npm start -- --model DIR'),
    });
  });

  it('ends with a verdict', () => {
    const ok = { what: 'Node', severity: 'ok', found: 'v24' } as const;
    const missing = { what: 'model', severity: 'missing', found: 'none', remedy: 'npm ci' } as const;
    expect(doctorText([ok])).toBe('✓ Node  v24\n\nA mesh can run here.\n');
    expect(doctorText([ok, missing])).toContain('✗ model  none\n         → npm ci\n\n1 missing');
  });
});
