import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '#shared/config/config.ts';
import { readProfile } from '#shared/config/simulation.ts';
import type { MeshError } from '#shared/errors/errors.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';

const MODEL = { LATENTMESH_MODEL: '/models/sd15' };
const folder = await temporaryFolder();
const OWN = new URL('../../../loadtest/profiles/h800-sdxl.json', import.meta.url);

function refused(device: string, folder: string): MeshError {
  try {
    readProfile(device, [folder]);
  } catch (error) {
    return error as MeshError;
  }
  throw new Error('was accepted');
}

describe('config — simulated devices', () => {
  it('take their profile from those that come with the project', () => {
    const config = readConfig('denoiser', {
      ...MODEL,
      LATENTMESH_DEVICE: 'simulated:h800-sdxl',
      LATENTMESH_TIME_SCALE: '20',
    });
    expect(config.simulation).toMatchObject({ timeScale: 20, profile: { name: 'h800-sdxl' } });
  });

  it('a named folder comes first', () => {
    const profile = { ...JSON.parse(readFileSync(OWN, 'utf8')), imitates: 'something else' };
    writeFileSync(join(folder, 'h800-sdxl.json'), JSON.stringify(profile));
    expect(readProfile('simulated:h800-sdxl', [folder]).imitates).toBe('something else');
    expect(readProfile(`simulated:${join(folder, 'h800-sdxl.json')}`).imitates).toBe('something else');
  });

  it('without a profile tell where it was looked for', () => {
    expect(refused('simulated:none', folder)).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining(join(folder, 'none.json')),
    });
  });

  it('with a wrong profile tell every field, and that a source is missing', () => {
    const profile = JSON.parse(readFileSync(OWN, 'utf8'));
    profile.link = { bytes_per_second: 0 };
    profile.networks['unet.up'].ms = { '2': 5 };
    writeFileSync(join(folder, 'bad.json'), JSON.stringify(profile));
    const { code, details } = refused('simulated:bad', folder);
    expect(code).toBe('CONFIGURATION');
    for (const field of ['networks.unet.up.ms', 'link.bytes_per_second', 'link.source']) {
      expect(details.problems).toContainEqual(expect.stringContaining(`${field}: `));
    }
  });
});
