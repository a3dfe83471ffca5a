import { describe, expect, it } from 'vitest';
import { traceOf } from '#test/unit/telemetry/trace-builder.ts';
import { traceFile } from '../../../services/cli/trace-events.ts';

const spans = traceOf({
  name: 'job',
  from: 0,
  to: 100,
  attributes: { 'latentmesh.job': 'k3v9' },
  children: [
    {
      name: 'call denoiser.denoise',
      from: 10,
      to: 90,
      children: [
        {
          name: 'denoiser.denoise',
          in: 'denoiser',
          from: 12,
          to: 88,
          children: [
            { name: 'lora.resident', from: 15, to: 60 },
            { name: 'step', from: 20, to: 80 },
          ],
        },
      ],
    },
  ],
});

const { traceEvents } = traceFile(spans);
const bar = (name: string) => traceEvents.find((event) => event.ph === 'X' && event.name === name)!;

describe('trace events — a file for Perfetto', () => {
  it('an instance is a process, with its name', () => {
    const names = traceEvents.filter(({ name }) => name === 'process_name').map(({ pid, args }) => [pid, args?.name]);
    expect(names).toEqual([
      [bar('denoiser.denoise').pid, 'denoiser denoiser-1'],
      [bar('job').pid, 'gateway gateway-1'],
    ]);
  });

  it('bars have their times in microseconds, and their attributes', () => {
    expect(bar('job')).toMatchObject({ ts: 0, dur: 100_000, cat: 'gateway', args: { 'latentmesh.job': 'k3v9' } });
    expect(bar('step')).toMatchObject({ ts: 20_000, dur: 60_000 });
  });

  it('bars that overlap without lying in each other are in lanes of their own: viewers would draw them wrong', () => {
    expect(bar('denoiser.denoise').tid).toBe(1);
    expect(new Set([bar('lora.resident').tid, bar('step').tid])).toEqual(new Set([1, 2]));
    expect(bar('job').tid).toBe(bar('call denoiser.denoise').tid);
  });

  it('an arrow leads from who asks to who answers', () => {
    const [from, to] = traceEvents.filter(({ ph }) => ph === 's' || ph === 'f');
    expect(from).toMatchObject({ ph: 's', pid: bar('job').pid, ts: 10_000 });
    expect(to).toMatchObject({ ph: 'f', bp: 'e', pid: bar('step').pid, ts: 12_000, id: from!.id });
  });

  it('no spans are a file too', () => {
    expect(traceFile([])).toEqual({ displayTimeUnit: 'ms', otherData: { trace_id: '' }, traceEvents: [] });
  });
});
