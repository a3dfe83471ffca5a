import { describe, expect, it } from 'vitest';
import { traceLanes } from '../../../services/studio/insight/trace-lanes.ts';
import type { ServedSpan } from '../../../services/studio/server.ts';

function span(name: string, service: string, start_ms: number, end_ms: number): ServedSpan {
  return { name, service, instance: `${service}-0`, start_ms, end_ms };
}
const TRACE = [
  span('job', 'gateway', 100, 200),
  span('denoise', 'gateway', 110, 190),
  span('call denoiser.denoise', 'gateway', 110, 190),
  span('denoiser.denoise', 'denoiser', 111, 189),
  span('step', 'denoiser', 112, 150),
  span('run unet.down', 'denoiser', 113, 130),
  span('run controlnet', 'controlnet', 114, 128),
  span('run unet.up', 'denoiser', 131, 149),
  span('lora.patch', 'lora', 112, 140),
];

describe('studio — the lanes of a trace', () => {
  it('shows actors in the order of work, with their work alone', () => {
    const { lanes } = traceLanes(TRACE);
    expect(lanes.map(({ service, bars }) => [service, bars.map(({ name }) => name)])).toEqual([
      ['gateway', ['denoise']],
      ['lora', ['lora.patch']],
      ['denoiser', ['run unet.down', 'run unet.up']],
      ['controlnet', ['run controlnet']],
    ]);
  });

  it('measures from the start of the trace, so that what runs beside what is seen', () => {
    const { lanes, lengthMs, stepsMs } = traceLanes(TRACE);
    const bar = (name: string) => lanes.flatMap(({ bars }) => bars).find((one) => one.name === name)!;
    expect(lengthMs).toBe(100);
    expect(stepsMs).toEqual([12]);
    expect(bar('run controlnet')).toMatchObject({ startMs: 14, endMs: 28 });
    expect(bar('run controlnet').startMs).toBeLessThan(bar('run unet.down').endMs);
  });

  it('puts what overlaps into rows of its own', () => {
    const { lanes } = traceLanes([
      span('lora.inspect', 'lora', 0, 10),
      span('lora.patch', 'lora', 5, 15),
      span('lora.patch', 'lora', 10, 12),
    ]);
    expect(lanes[0]!.bars.map(({ row }) => row)).toEqual([0, 1, 0]);
    expect(lanes[0]!.rows).toBe(2);
  });

  it('shows LoRAs that arrive below the runs of their network', () => {
    const { lanes } = traceLanes([span('lora.resident', 'denoiser', 0, 30), span('run unet.down', 'denoiser', 5, 15)]);
    expect(lanes[0]!.bars.map(({ name, row }) => [name, row])).toEqual([
      ['lora.resident', 1],
      ['run unet.down', 0],
    ]);
  });
});
