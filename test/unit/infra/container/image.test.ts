import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROLES } from '#infra/mesh/options.ts';
import { serviceEnvironment } from '#infra/mesh/service-environment.ts';

const root = resolve(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');

describe('image — the same processes as npm start', () => {
  it('has the allocator as it is set there', () => {
    const dockerfile = read('Dockerfile');
    const { MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ } = serviceEnvironment({});
    expect(dockerfile).toContain(`MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_}`);
    expect(dockerfile).toContain(`MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_}`);
  });

  it('every role is a service of the compose file, and warmed in the image', () => {
    const compose = read('docker-compose.yml');
    for (const role of ROLES) expect(compose).toContain(`command: [services/${role}/main.ts]`);
    expect(/for role in ([^;]*);/.exec(read('Dockerfile'))![1]!.split(' ').toSorted()).toEqual(ROLES.toSorted());
  });

  it('compose names only variables of services that they read', () => {
    const known = read('shared/config/config.ts');
    // Read by the compose file itself.
    const own = new Set(['LATENTMESH_IMAGE', 'LATENTMESH_MODELS', 'LATENTMESH_MEMORY']);
    const named = new Set(read('docker-compose.yml').match(/\bLATENTMESH_[A-Z_]+/g));
    expect([...named].filter((name) => !own.has(name) && !known.includes(`${name}:`))).toEqual([]);
  });
});
