import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfig } from '#shared/config/config.ts';
import type { MeshError } from '#shared/errors/errors.ts';

const MODEL = { LATENTMESH_MODEL: '/models/sd15' };

function refused(env: NodeJS.ProcessEnv): MeshError {
  try {
    readConfig('vae', env);
  } catch (error) {
    return error as MeshError;
  }
  throw new Error('was accepted');
}

describe('config — the environment of a service', () => {
  it('needs a model, and has a default for all else', () => {
    expect(readConfig('vae', MODEL)).toEqual({
      natsUrl: 'nats://127.0.0.1:4222',
      modelFolder: '/models/sd15',
      controlnetFolders: [],
      loraFolders: [],
      embeddingFolders: [],
      allowPaths: false,
      device: 'cpu',
      slot: expect.stringMatching(/^vae-\d+@/),
      guidance: 'joint',
      httpHost: '127.0.0.1',
      httpPort: 8188,
      isHttpOpen: false,
      httpNames: [],
      httpOrigins: [],
      studioFolder: expect.stringMatching(/\.latentmesh.studio$/),
      queue: 1000,
      jobsPerDenoiser: 1,
      checkpointSteps: 1,
      resultsMs: 24 * 60 * 60_000,
      resultsBytes: 4 * 2 ** 30,
      patchCacheBytes: 4 * 2 ** 30,
      loraCacheBytes: 2 ** 30,
      controlnetCacheBytes: 8 * 2 ** 30,
      activationBytes: 8 * 2 ** 30,
      logLevel: 'info',
      graceMs: 30_000,
    });
  });

  it('reads every variable', () => {
    const env = {
      ...MODEL,
      NATS_URL: 'nats://nats:4222',
      LATENTMESH_CONTROLNETS: '/a:/b',
      LATENTMESH_LORAS: '/c:',
      LATENTMESH_EMBEDDINGS: '/e',
      LATENTMESH_VAE: '/vae.safetensors',
      LATENTMESH_REFINER: '/refiner',
      LATENTMESH_ALLOW_PATHS: 'true',
      LATENTMESH_DEVICE: 'cuda:1',
      LATENTMESH_THREADS: '3',
      LATENTMESH_SLOT: 'vae-0@host',
      LATENTMESH_DIRECT_HOST: '10.0.0.5',
      LATENTMESH_GUIDANCE: 'split',
      LATENTMESH_HTTP_HOST: '0.0.0.0',
      LATENTMESH_HTTP_PORT: '0',
      LATENTMESH_API_KEYS: '/run/secrets/keys',
      LATENTMESH_HTTP_OPEN: 'true',
      LATENTMESH_HTTP_NAMES: 'mesh.example.org, other.example.org',
      LATENTMESH_HTTP_ORIGINS: 'https://app.example.org',
      LATENTMESH_STUDIO: '/studio',
      LATENTMESH_JOBS: '2',
      LATENTMESH_QUEUE: '10',
      LATENTMESH_JOBS_PER_DENOISER: '3',
      LATENTMESH_CHECKPOINT_STEPS: '4',
      LATENTMESH_RESULTS_HOURS: '0.5',
      LATENTMESH_RESULTS_BYTES: '2000000',
      LATENTMESH_PATCH_CACHE_BYTES: '0',
      LATENTMESH_LORA_CACHE_BYTES: '7',
      LATENTMESH_LORA_STRATEGY: 'branches',
      LATENTMESH_CONTROLNET_CACHE_BYTES: '1000',
      LATENTMESH_ACTIVATION_BYTES: '2000000',
      LATENTMESH_LOG_LEVEL: 'debug',
      LATENTMESH_GRACE_MS: '5000',
    };
    expect(readConfig('vae', env)).toEqual({
      natsUrl: 'nats://nats:4222',
      modelFolder: '/models/sd15',
      controlnetFolders: ['/a', '/b'],
      loraFolders: ['/c'],
      embeddingFolders: ['/e'],
      vae: '/vae.safetensors',
      refiner: '/refiner',
      allowPaths: true,
      device: 'cuda:1',
      threads: 3,
      slot: 'vae-0@host',
      directHost: '10.0.0.5',
      guidance: 'split',
      httpHost: '0.0.0.0',
      httpPort: 0,
      apiKeysFile: '/run/secrets/keys',
      isHttpOpen: true,
      httpNames: ['mesh.example.org', 'other.example.org'],
      httpOrigins: ['https://app.example.org'],
      studioFolder: '/studio',
      jobs: 2,
      queue: 10,
      jobsPerDenoiser: 3,
      checkpointSteps: 4,
      resultsMs: 30 * 60_000,
      resultsBytes: 2_000_000,
      patchCacheBytes: 0,
      loraCacheBytes: 7,
      loraStrategy: 'branches',
      controlnetCacheBytes: 1000,
      activationBytes: 2_000_000,
      logLevel: 'debug',
      graceMs: 5000,
    });
  });

  it('an empty variable is an unset one: compose files write those', () => {
    const { slot: _, ...rest } = readConfig('vae', { ...MODEL, LATENTMESH_THREADS: '', LATENTMESH_HTTP_PORT: '' });
    expect(rest).toEqual({ ...readConfig('vae', MODEL), slot: undefined });
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['LATENTMESH_MODEL', { LATENTMESH_MODEL: '' }],
    ['LATENTMESH_THREADS', { ...MODEL, LATENTMESH_THREADS: '0' }],
    ['LATENTMESH_THREADS', { ...MODEL, LATENTMESH_THREADS: 'all' }],
    ['LATENTMESH_ALLOW_PATHS', { ...MODEL, LATENTMESH_ALLOW_PATHS: 'maybe' }],
    ['LATENTMESH_HTTP_PORT', { ...MODEL, LATENTMESH_HTTP_PORT: '70000' }],
    ['LATENTMESH_JOBS', { ...MODEL, LATENTMESH_JOBS: '0.5' }],
    ['LATENTMESH_QUEUE', { ...MODEL, LATENTMESH_QUEUE: '-1' }],
    ['LATENTMESH_LOG_LEVEL', { ...MODEL, LATENTMESH_LOG_LEVEL: 'loud' }],
    ['LATENTMESH_GRACE_MS', { ...MODEL, LATENTMESH_GRACE_MS: 'soon' }],
  ])('refuses a wrong %s by its name: %o', (name, env) => {
    const error = refused(env);
    expect(error.code).toBe('CONFIGURATION');
    expect(error.details.problems).toEqual([expect.stringMatching(`^${name}: .`)]);
  });

  it('tells all that is wrong at once', () => {
    const { message } = refused({ LATENTMESH_JOBS: 'x', LATENTMESH_QUEUE: 'y' });
    expect(message).toMatch(/LATENTMESH_MODEL: name the model folder; LATENTMESH_JOBS: .*; LATENTMESH_QUEUE: /);
  });

  it('docs/configuration.md has every variable of the code, and no other', () => {
    const names = (path: string): string[] => {
      const text = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
      return [...new Set(text.match(/\b(?:LATENTMESH_[A-Z_]+|NATS_URL)\b/g))].toSorted();
    };
    expect(names('docs/configuration.md')).toEqual(names('shared/config/config.ts'));
  });
});
