import { describe, expect, it } from 'vitest';
import { MetricFamily, type ProcessMetrics } from '#shared/contracts/metrics.ts';
import { MetricRegistry } from '#shared/telemetry/metric-registry.ts';
import { joinMetrics, metricsText } from '#shared/telemetry/metrics-text.ts';

const from = { trace_id: '75a3', unix_ms: 1_700_000_000_500 };

function process(slot: string, fill: (registry: MetricRegistry) => void): ProcessMetrics {
  const registry = new MetricRegistry();
  fill(registry);
  return { role: 'denoiser', slot, families: registry.read().map((family) => MetricFamily.parse(family)) };
}

const step = (registry: MetricRegistry, value: number): void =>
  registry.add({ name: 'latentmesh_step_duration_seconds', labels: {}, value }, from);

describe('metrics — as text', () => {
  it('families of one name stand together, their series by role and slot', () => {
    const runs = (registry: MetricRegistry): void =>
      registry.add(
        { name: 'latentmesh_device_runs_total', labels: { network: 'unet.up', device: 'cpu' }, value: 2 },
        from,
      );
    const text = metricsText(joinMetrics([process('denoiser-0@a', runs), process('denoiser-1@b', runs)]), 'prometheus');
    expect(text.split('\n')).toEqual([
      '# HELP latentmesh_device_runs_total Runs of a network on a device.',
      '# TYPE latentmesh_device_runs_total counter',
      'latentmesh_device_runs_total{role="denoiser",slot="denoiser-0@a",network="unet.up",device="cpu"} 2',
      'latentmesh_device_runs_total{role="denoiser",slot="denoiser-1@b",network="unet.up",device="cpu"} 2',
      '',
    ]);
  });

  it('a histogram adds its buckets up; what is beyond the last bound is in +Inf', () => {
    const slow = process('d', (registry) => {
      for (const value of [0.04, 0.05, 0.2, 9999]) step(registry, value);
    });
    const lines = metricsText(joinMetrics([slow]), 'prometheus').split('\n');
    const bucket = (le: string) =>
      lines
        .find((line) => line.includes(`le="${le}"`))
        ?.split(' ')
        .at(-1);
    expect(['0.025', '0.05', '0.25', '600.0', '+Inf'].map(bucket)).toEqual(['0', '2', '3', '3', '4']);
    expect(lines.find((line) => line.includes('_count{'))).toMatch(/ 4$/);
    expect(lines.find((line) => line.includes('_sum{'))).toMatch(/ 9999\.29$/);
  });

  it('OpenMetrics: the family without _total, the trace behind a bucket, an end', () => {
    const job = process('g', (registry) => {
      registry.add({ name: 'latentmesh_jobs_total', labels: { outcome: 'done' }, value: 1 }, from);
      step(registry, 0.3);
    });
    const lines = metricsText(joinMetrics([job]), 'openmetrics').split('\n');
    expect(lines).toContain('# TYPE latentmesh_jobs counter');
    expect(lines).toContain('latentmesh_jobs_total{role="denoiser",slot="g",outcome="done"} 1');
    expect(lines).toContain(
      'latentmesh_step_duration_seconds_bucket{role="denoiser",slot="g",le="0.5"} 1 # {trace_id="75a3"} 0.3 1700000000.5',
    );
    expect(lines.slice(-2)).toEqual(['# EOF', '']);
  });

  it('labels are escaped', () => {
    const odd: MetricFamily = {
      type: 'gauge',
      name: 'latentmesh_load',
      help: 'Load.',
      points: [{ labels: { slot: 'a"b\\c\nd' }, value: 1 }],
    };
    expect(metricsText([odd], 'prometheus')).toContain('latentmesh_load{slot="a\\"b\\\\c\\nd"} 1');
  });

  it('a counter that never ends is no leak: series beyond the limit are left out', () => {
    const registry = new MetricRegistry();
    for (let i = 0; i < 500; i++) {
      registry.add({ name: 'latentmesh_jobs_total', labels: { outcome: `${i}` }, value: 1 }, from);
    }
    expect(registry.read()[0]!.points).toHaveLength(200);
  });
});
