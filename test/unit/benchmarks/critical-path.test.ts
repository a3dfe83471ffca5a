import { describe, expect, it } from 'vitest';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { networkTime } from '../../../benchmarks/critical-path.ts';
import { median } from '../../../benchmarks/statistics.ts';

/** Spans in the order of their start, one millisecond apart; ids are their names where none is given. */
function trace(...spans: { name: string; id?: string; parent?: string; runMs?: number }[]): SpanRecord[] {
  return spans.map(({ name, id = name, parent, runMs }, i) => ({
    traceId: 't',
    spanId: id,
    ...(parent !== undefined && { parentSpanId: parent }),
    name,
    kind: 'internal',
    service: 'any',
    instance: 'any-1',
    startUnixNano: `${i * 1e6}`,
    endUnixNano: `${(i + 1) * 1e6}`,
    attributes: runMs === undefined ? {} : { 'latentmesh.run_ms': runMs },
  }));
}

const ENDS = [
  { name: 'run clip.text 1x77', runMs: 3 },
  { name: 'run vae.decode 1x64x64', runMs: 50 },
];

describe('critical path — networks of a job', () => {
  it('adds what runs one after the other', () => {
    const spans = trace(
      ...ENDS,
      { name: 'step', id: 'step 1' },
      { name: 'run unet.down 2x64x64', parent: 'step 1', runMs: 10 },
      { name: 'run unet.up 2x64x64', parent: 'step 1', runMs: 20 },
    );
    expect(networkTime(spans).criticalMs).toBe(3 + 10 + 20 + 50);
  });

  it('takes the longer of what runs side by side, step by step', () => {
    const spans = trace(
      ...ENDS,
      { name: 'step', id: 'step 1' },
      { name: 'run unet.down 2x64x64', id: 'd1', parent: 'step 1', runMs: 10 },
      { name: 'call controlnet.step', id: 'call 1', parent: 'step 1' },
      { name: 'run controlnet.step 2x64x64', id: 'c1', parent: 'call 1', runMs: 15 },
      { name: 'run unet.up+residuals 2x64x64', id: 'u1', parent: 'step 1', runMs: 20 },
      { name: 'step', id: 'step 2' },
      { name: 'run unet.down 2x64x64', id: 'd2', parent: 'step 2', runMs: 12 },
      { name: 'run controlnet.step 2x64x64', id: 'c2', parent: 'step 2', runMs: 9 },
      { name: 'run unet.up+residuals 2x64x64', id: 'u2', parent: 'step 2', runMs: 20 },
    );
    expect(networkTime(spans).criticalMs).toBe(3 + (15 + 20) + (12 + 20) + 50);
  });

  it('puts the hint before the first step of its ControlNet', () => {
    const spans = trace(
      { name: 'run controlnet.hint 1x64x64', runMs: 4 },
      { name: 'step', id: 'step 1' },
      { name: 'run unet.down 2x64x64', id: 'd1', parent: 'step 1', runMs: 10 },
      { name: 'run controlnet.step 2x64x64', id: 'c1', parent: 'step 1', runMs: 8 },
      { name: 'step', id: 'step 2' },
      { name: 'run unet.down 2x64x64', id: 'd2', parent: 'step 2', runMs: 10 },
      { name: 'run controlnet.step 2x64x64', id: 'c2', parent: 'step 2', runMs: 8 },
    );
    expect(networkTime(spans).criticalMs).toBe(4 + 8 + 10);
  });
});

describe('statistics — the median', () => {
  it.each<[number[], number]>([
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
    [[7], 7],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});
