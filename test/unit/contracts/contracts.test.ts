import { describe, expect, it } from 'vitest';
import * as controlnet from '#shared/contracts/controlnet.ts';
import * as denoiser from '#shared/contracts/denoiser.ts';
import { Heartbeat, Role } from '#shared/contracts/heartbeat.ts';
import { JobEvent, JobQuery, JobRecord } from '#shared/contracts/jobs.ts';
import * as lora from '#shared/contracts/lora.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import * as vae from '#shared/contracts/vae.ts';
import { heartbeat } from '#test/unit/placement/heartbeats.ts';

describe('contracts — operations', () => {
  it('of a role are served under names of their own', () => {
    const modules: Record<string, object> = { controlnet, denoiser, lora, 'text-encoder': textEncoder, vae };
    for (const [role, contract] of Object.entries(modules)) {
      const operations = Object.values(contract).filter((one) => typeof one === 'object' && 'request' in one);
      expect(operations.length).toBeGreaterThan(0);
      expect(operations.map((one) => one.role)).toEqual(operations.map(() => role));
      expect(new Set(operations.map((one) => one.name)).size).toBe(operations.length);
    }
  });

  const JOB = {
    job: 'job-1',
    height: 64,
    width: 64,
    steps: 20,
    sampler: 'Euler',
    eta: 0,
    guidance_scale: 7.5,
    seeds: [1],
    guess_mode: false,
    controlnets: [],
    loras: [],
    lora_start: 'exact',
  };

  it.each<[string, object, boolean]>([
    ['a job', {}, true],
    ['no seed', { seeds: [] }, false],
    ['a negative seed', { seeds: [-1] }, false],
    ['no step', { steps: 0 }, false],
    ['half a pixel', { width: 64.5 }, false],
    ['no list of ControlNets', { controlnets: undefined }, false],
  ])('denoise takes %s: %o %s', (_, more, isTaken) => {
    expect(denoiser.denoise.request.safeParse({ ...JOB, ...more }).success).toBe(isTaken);
  });

  it('a LoRA travels with weight 1 unless another is named', () => {
    const request = lora.patch.request.parse({ part: 'unet', loras: [{ lora: 'ink' }] });
    expect(request.loras).toEqual([{ lora: 'ink', weight: 1 }]);
    expect(lora.patch.request.safeParse({ part: 'vae', loras: [{ lora: 'ink' }] }).success).toBe(false);
  });
});

describe('contracts — heartbeats', () => {
  it('come from every role; a newer peer may say more', () => {
    for (const role of Role.options) expect(Heartbeat.safeParse(heartbeat('a', { role })).success).toBe(true);
    expect(Heartbeat.parse({ ...heartbeat('a'), gpu: 'H100' })).toEqual(heartbeat('a'));
  });
});

describe('contracts — jobs', () => {
  it.each<[object, boolean]>([
    [{ type: 'queued', job: 'a' }, true],
    [{ type: 'progress', job: 'a', step: 1, steps: 20 }, true],
    [{ type: 'progress', job: 'a' }, false],
    [{ type: 'failed', job: 'a' }, false],
    [{ type: 'failed', job: 'a', error: { code: 'INTERNAL', message: 'Broken.' } }, true],
    [{ type: 'paused', job: 'a' }, false],
  ])('%o is an event: %s', (event, isOne) => {
    expect(JobEvent.safeParse(event).success).toBe(isOne);
  });

  it('are asked for by their id alone', () => {
    expect(JobQuery.safeParse({ job: 'a' }).success).toBe(true);
    for (const query of [{}, { job: '' }, { job: 'a.*' }, { job: 'a', all: true }]) {
      expect(JobQuery.safeParse(query).success).toBe(false);
    }
  });

  it('have a record that says no more than it knows', () => {
    const record = { job: 'a', state: 'queued', trace_id: '', created_unix_ms: 1, request_digest: '', reply_to: [] };
    expect(JobRecord.parse(record)).toEqual(record);
  });
});
