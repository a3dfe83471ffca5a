import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../temporary-folder.ts';
import { ComposeProject, docker, missingDocker } from './docker.ts';

/** By this address containers on the network of the host and those on a bridge reach each other. */
async function hostAddress(): Promise<string> {
  return docker(['network', 'inspect', 'bridge', '--format', '{{(index .IPAM.Config 0).Gateway}}']);
}

const missing = (await missingDocker()) ?? (process.platform === 'linux' ? undefined : 'needs the network of the host');
const A = ['-f', 'docker-compose.yml', '-f', 'infra/compose/host-a.yml'];
const B = ['-f', 'docker-compose.yml', '-f', 'infra/compose/host-b.yml'];

const folder = await temporaryFolder();

let hostA: ComposeProject;
let hostB: ComposeProject;

describe.skipIf(missing)(`compose — the files for two hosts, on one${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(async () => {
    const address = await hostAddress();
    hostA = await ComposeProject.create({ HOST_A: address, HOST_B: address });
    hostB = hostA.beside({ LATENTMESH_KEYS: folder });
    await hostA.compose(...A, 'build', 'gateway');
    await hostA.compose(...A, 'up', '-d', '--wait', '--no-build');
    // As host-a.yml tells to bring keys to another host.
    const tar = ['run', '--rm', '-T', '--no-deps', '--entrypoint', 'sh', 'keys', '-c'];
    const packed = await hostA.compose(...A, ...tar, 'tar -c -C /keys denoiser controlnet | base64 -w0');
    await writeFile(join(folder, 'keys.tar'), Buffer.from(packed, 'base64'));
    await promisify(execFile)('tar', ['-x', '-C', folder, '-f', join(folder, 'keys.tar')]);
    const further = ['--no-deps', '--scale', 'denoiser=2', 'denoiser', 'controlnet'];
    await hostB.compose(...B, 'up', '-d', '--wait', '--no-build', ...further);
  });

  afterAll(async () => {
    await hostB.compose(...B, 'down', '-v', '-t', '1');
    await hostA.compose(...A, 'down', '-v', '-t', '1');
  });

  it('those of the second host are in the mesh of the first one, each in a place of its own', async () => {
    const status = await hostA.compose(...A, 'exec', '-T', 'gateway', 'latentmesh', 'status', '--json');
    const { instances } = JSON.parse(status) as { instances: { role: string; slot: string }[] };
    const slots = (role: string) => new Set(instances.filter((one) => one.role === role).map(({ slot }) => slot));
    expect([slots('denoiser').size, slots('controlnet').size, slots('vae').size]).toEqual([3, 2, 1]);
  });

  it('they make pictures together', async () => {
    const picture = async (): Promise<string> => {
      const body = JSON.stringify({ prompt: 'a red boat on the sea', seed: 7 });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${hostA.httpUrl}/v1/images/generations`, { method: 'POST', headers, body });
      return ((await response.json()) as { data: { b64_json: string }[] }).data[0]!.b64_json;
    };
    const pictures = await Promise.all(Array.from({ length: 6 }, picture));
    expect(new Set(pictures).size).toBe(1);
  });
});
