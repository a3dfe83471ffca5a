/** The metrics that are made of spans: their names, what they mean, and the bounds of their buckets. Units stand in the names. */

/** Seconds: from a run of a small network to a job that waits in a queue at night. */
const SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600,
] as const;

/** What is known of a metric beside its values. */
export interface MetricKind {
  readonly type: 'counter' | 'histogram';
  readonly help: string;
}

/** Source of the form: prometheus.io/docs/practices/naming (base units, `_total` on counters). */
export const SPAN_METRICS = {
  latentmesh_jobs_total: { type: 'counter', help: 'Jobs that ended, by outcome and, of those that failed, code.' },
  latentmesh_job_duration_seconds: { type: 'histogram', help: 'From a gateway taking a job to its outcome.' },
  latentmesh_stage_duration_seconds: {
    type: 'histogram',
    help: 'Parts of a job: admission, queued, hints, encode, denoise, decode, pictures.',
  },
  latentmesh_step_duration_seconds: { type: 'histogram', help: 'One step of denoising, ControlNets included.' },
  latentmesh_call_duration_seconds: { type: 'histogram', help: 'Calls between actors as the caller sees them.' },
  latentmesh_device_run_seconds_total: { type: 'counter', help: 'Time in the runtime: its rate is the busy share.' },
  latentmesh_device_runs_total: { type: 'counter', help: 'Runs of a network on a device.' },
  latentmesh_device_wait_seconds_total: { type: 'counter', help: 'Time that runs waited for their device.' },
  latentmesh_transfer_bytes_total: { type: 'counter', help: 'Bytes of replies, by the way they came.' },
  latentmesh_transfer_duration_seconds: { type: 'histogram', help: 'Replies that are larger than a message.' },
  latentmesh_residency_total: {
    type: 'counter',
    help: 'LoRA sets and ControlNets wanted, by whether they were there.',
  },
  latentmesh_load_duration_seconds: { type: 'histogram', help: 'Loading and patching what was not there.' },
} as const satisfies Record<string, MetricKind>;

/** A name of {@link SPAN_METRICS}. */
export type SpanMetricName = keyof typeof SPAN_METRICS;

/** Upper bounds of the buckets of every histogram, s. */
export const BOUNDS: readonly number[] = SECONDS;
