/** Metrics of one process, as it answers `latentmesh.v1.metrics`: counters and histograms since its start. JSON. */
import { z } from 'zod';

const Labels = z.record(z.string(), z.string());

/** The trace of one job behind a number. */
export const Exemplar = z.object({ trace_id: z.string(), value: z.number(), unix_ms: z.number() });

/** One series of a histogram: how many values fell into each bucket (not added up), the last of which has no bound. */
export const HistogramPoint = z.object({
  labels: Labels,
  counts: z.array(z.number()),
  sum: z.number(),
  /** By bucket; the latest that fell into it. */
  exemplars: z.array(Exemplar.nullable()),
});

/** One series of a counter or a gauge. */
export const NumberPoint = z.object({ labels: Labels, value: z.number() });

/** Everything of one name. */
export const MetricFamily = z.discriminatedUnion('type', [
  z.object({ type: z.literal('counter'), name: z.string(), help: z.string(), points: z.array(NumberPoint) }),
  z.object({ type: z.literal('gauge'), name: z.string(), help: z.string(), points: z.array(NumberPoint) }),
  z.object({
    type: z.literal('histogram'),
    name: z.string(),
    help: z.string(),
    /** Upper bounds, ascending. */
    bounds: z.array(z.number()),
    points: z.array(HistogramPoint),
  }),
]);

/** See the head of this file. */
export const ProcessMetrics = z.object({
  role: z.string(),
  slot: z.string(),
  families: z.array(MetricFamily),
});

export type Exemplar = z.infer<typeof Exemplar>;
export type HistogramPoint = z.infer<typeof HistogramPoint>;
export type NumberPoint = z.infer<typeof NumberPoint>;
export type MetricFamily = z.infer<typeof MetricFamily>;
export type ProcessMetrics = z.infer<typeof ProcessMetrics>;
