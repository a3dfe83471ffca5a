/**
 * From finished spans to metrics. A number on a dashboard and a bar in a trace are the same measurement, so what is counted
 * here is what `latentmesh trace` shows.
 */
import type { SpanRecord } from '#shared/contracts/span.ts';
import type { SpanMetricName } from './metric-table.ts';

/** A value for a metric. */
export interface Measurement {
  readonly name: SpanMetricName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const STAGES = new Set(['admission', 'queued', 'hints', 'encode', 'denoise', 'decode', 'pictures']);

/** What a span says; most say one thing, some nothing. */
export function measure(span: SpanRecord): Measurement[] {
  const { name, service } = span;
  if (STAGES.has(name) && service === 'gateway')
    return [seconds('latentmesh_stage_duration_seconds', span, { stage: name })];
  if (name === 'job') return ofJob(span);
  if (name === 'step') return [seconds('latentmesh_step_duration_seconds', span, {})];
  if (name.startsWith('call ')) return ofCall(span, name.slice('call '.length));
  if (name.startsWith('run ')) return ofRun(span, name.slice('run '.length));
  if (name === 'lora.resident') return ofResident(span, 'lora', span.attributes['latentmesh.lora.hit']);
  if (name === 'controlnet.open') return ofResident(span, 'controlnet', span.attributes['latentmesh.controlnet.hit']);
  if (name === 'controlnet.load') return [seconds('latentmesh_load_duration_seconds', span, { kind: 'controlnet' })];
  return [];
}

function ofJob(span: SpanRecord): Measurement[] {
  const code = codeOf(span);
  const labels = code === '' ? { outcome: 'done' } : { outcome: outcomeOf(code), code };
  return [
    one('latentmesh_jobs_total', labels),
    seconds('latentmesh_job_duration_seconds', span, { outcome: labels.outcome }),
  ];
}

/** A job whose gateway goes, or loses NATS, is given back to the queue and runs again. */
function outcomeOf(code: string): string {
  if (code === 'CANCELLED') return 'cancelled';
  return code === 'DRAINING' || code === 'BUS_UNAVAILABLE' ? 'given back' : 'failed';
}

function ofCall(span: SpanRecord, operation: string): Measurement[] {
  const { 'latentmesh.route': route, 'latentmesh.reply_bytes': bytes, 'latentmesh.transfer_ms': ms } = span.attributes;
  const call = seconds('latentmesh_call_duration_seconds', span, { operation, code: codeOf(span) });
  if (typeof route !== 'string' || typeof bytes !== 'number') return [call];
  const sent = { name: 'latentmesh_transfer_bytes_total', labels: { operation, route }, value: bytes } as const;
  if (typeof ms !== 'number') return [call, sent];
  return [call, sent, { name: 'latentmesh_transfer_duration_seconds', labels: { route }, value: ms / 1000 }];
}

/** The span of a run begins when it is asked for; the runtime tells how much of it was its own. */
function ofRun(span: SpanRecord, model: string): Measurement[] {
  const { 'latentmesh.run_ms': runMs, 'latentmesh.device': device } = span.attributes;
  if (typeof runMs !== 'number' || typeof device !== 'string') return [];
  const labels = { network: networkOf(model), device };
  const waitSeconds = Math.max(0, durationSeconds(span) - runMs / 1000);
  return [
    one('latentmesh_device_runs_total', labels),
    { name: 'latentmesh_device_run_seconds_total', labels, value: runMs / 1000 },
    { name: 'latentmesh_device_wait_seconds_total', labels, value: waitSeconds },
  ];
}

function ofResident(span: SpanRecord, kind: string, isHit: unknown): Measurement[] {
  if (typeof isHit !== 'boolean') return [];
  const wanted = one('latentmesh_residency_total', { kind, result: isHit ? 'hit' : 'miss' });
  const isLoad = kind === 'lora' && !isHit && codeOf(span) === '';
  return isLoad ? [wanted, seconds('latentmesh_load_duration_seconds', span, { kind })] : [wanted];
}

/** `unet.up+residuals 2x64x64` → `unet.up`: sizes are for traces, a series for each would never end. */
function networkOf(model: string): string {
  return /^[^ +]*/.exec(model)![0];
}

function codeOf({ attributes, error }: SpanRecord): string {
  const code = attributes['error.type'];
  if (typeof code === 'string') return code;
  return error === undefined ? '' : 'INTERNAL';
}

function one(name: SpanMetricName, labels: Measurement['labels']): Measurement {
  return { name, labels, value: 1 };
}

function seconds(name: SpanMetricName, span: SpanRecord, labels: Measurement['labels']): Measurement {
  return { name, labels, value: durationSeconds(span) };
}

function durationSeconds({ startUnixNano, endUnixNano }: SpanRecord): number {
  return Number(BigInt(endUnixNano) - BigInt(startUnixNano)) / 1e9;
}
