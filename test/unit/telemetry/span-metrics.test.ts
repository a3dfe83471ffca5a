import { describe, expect, it } from 'vitest';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { measure } from '#shared/telemetry/span-metrics.ts';

const START_NANO = 1_700_000_000_000_000_000n;

function span(name: string, ms: number, rest: Partial<SpanRecord> = {}): SpanRecord {
  return {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    name,
    kind: 'internal',
    service: 'gateway',
    instance: 'gateway-1',
    startUnixNano: `${START_NANO}`,
    endUnixNano: `${START_NANO + BigInt(Math.round(ms * 1e6))}`,
    attributes: {},
    ...rest,
  };
}

/** `name{label="…"} value`, as a person reads it. */
const told = (one: SpanRecord): string[] =>
  measure(one).map(
    ({ name, labels, value }) => `${name.replace('latentmesh_', '')} ${JSON.stringify(labels)} ${value}`,
  );

describe('span metrics — what a span says', () => {
  it('a job that is done, one that failed by its code, one that was cancelled, one that runs again elsewhere', () => {
    expect(told(span('job', 1500))).toEqual([
      'jobs_total {"outcome":"done"} 1',
      'job_duration_seconds {"outcome":"done"} 1.5',
    ]);
    const ended = (code: string) => told(span('job', 1, { attributes: { 'error.type': code } }))[0];
    expect(ended('OUT_OF_MEMORY')).toBe('jobs_total {"outcome":"failed","code":"OUT_OF_MEMORY"} 1');
    expect(ended('CANCELLED')).toBe('jobs_total {"outcome":"cancelled","code":"CANCELLED"} 1');
    expect(ended('DRAINING')).toBe('jobs_total {"outcome":"given back","code":"DRAINING"} 1');
  });

  it('stages are those of the gateway, steps those of the denoiser', () => {
    expect(told(span('denoise', 250))).toEqual(['stage_duration_seconds {"stage":"denoise"} 0.25']);
    expect(told(span('step', 40, { service: 'denoiser' }))).toEqual(['step_duration_seconds {} 0.04']);
  });

  it('a run: the time in the runtime and the time it waited for the device, whatever the size and the shape', () => {
    const attributes = { 'latentmesh.run_ms': 31.25, 'latentmesh.device': 'cpu' };
    expect(told(span('run unet.up+residuals 2x64x64', 62.5, { attributes }))).toEqual([
      'device_runs_total {"network":"unet.up","device":"cpu"} 1',
      'device_run_seconds_total {"network":"unet.up","device":"cpu"} 0.03125',
      'device_wait_seconds_total {"network":"unet.up","device":"cpu"} 0.03125',
    ]);
    expect(told(span('run unet.up 2x64x64', 50))).toEqual([]); // it failed before the runtime told anything
  });

  it('a call: its time by code, the bytes of its reply by the way they came', () => {
    const attributes = {
      'latentmesh.route': 'tcp',
      'latentmesh.reply_bytes': 27_000_000,
      'latentmesh.transfer_ms': 19,
    };
    expect(told(span('call controlnet.step', 90, { attributes }))).toEqual([
      'call_duration_seconds {"operation":"controlnet.step","code":""} 0.09',
      'transfer_bytes_total {"operation":"controlnet.step","route":"tcp"} 27000000',
      'transfer_duration_seconds {"route":"tcp"} 0.019',
    ]);
    const failed = span('call vae.decode', 10, { attributes: { 'error.type': 'ACTOR_LOST' } });
    expect(told(failed)).toEqual(['call_duration_seconds {"operation":"vae.decode","code":"ACTOR_LOST"} 0.01']);
  });

  it('residency: hits, misses, and what a miss cost', () => {
    const lora = (hit: boolean) => told(span('lora.resident', 80, { attributes: { 'latentmesh.lora.hit': hit } }));
    expect(lora(true)).toEqual(['residency_total {"kind":"lora","result":"hit"} 1']);
    expect(lora(false)).toEqual([
      'residency_total {"kind":"lora","result":"miss"} 1',
      'load_duration_seconds {"kind":"lora"} 0.08',
    ]);
    const open = span('controlnet.open', 9, { attributes: { 'latentmesh.controlnet.hit': false } });
    expect(told(open)).toEqual(['residency_total {"kind":"controlnet","result":"miss"} 1']);
    expect(told(span('controlnet.load', 700))).toEqual(['load_duration_seconds {"kind":"controlnet"} 0.7']);
  });

  it('what is of no interest says nothing', () => {
    expect(told(span('lora.enter', 5))).toEqual([]);
  });
});
