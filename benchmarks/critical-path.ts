/**
 * The networks on the critical path of a job, by its spans: what a mesh without any cost of its own would take.
 *
 *   text encoder, then per step the larger of (UNet down) and (its ControlNets' runs), then UNet up; VAE last.
 *
 * A ControlNet's hint encoder comes before its first step. ControlNets of one job count one after the other: here they
 * share a device. Times are those in the runtime, with whatever else the machine did at that moment in them.
 */
import type { SpanRecord } from '#shared/contracts/span.ts';
import { sum } from './statistics.ts';

/** Time in the runtime by network, ms, and what of it is on the critical path. */
export interface NetworkTime {
  readonly criticalMs: number;
  readonly textEncoderMs: number;
  readonly downMs: number;
  readonly upMs: number;
  readonly controlnetMs: number;
  readonly vaeMs: number;
}

interface Run {
  readonly network: string;
  readonly runMs: number;
  /** The step that it belongs to; undefined outside of any. */
  readonly step: string | undefined;
}

const RUN = /^run (\S+)/;

/** spans   of one job, all of them */
export function networkTime(spans: readonly SpanRecord[]): NetworkTime {
  const runs = runsOf(spans);
  const total = (prefix: string, among = runs): number =>
    sum(among.filter((run) => run.network.startsWith(prefix)).map((run) => run.runMs));
  const steps = Map.groupBy(
    runs.filter((run) => run.step !== undefined),
    (run) => run.step,
  );
  let hintMs = total('controlnet.hint');
  let stepsMs = 0;
  for (const ofStep of steps.values()) {
    stepsMs +=
      Math.max(total('unet.down', ofStep), hintMs + total('controlnet.step', ofStep)) + total('unet.up', ofStep);
    hintMs = 0;
  }
  const [textEncoderMs, vaeMs] = [total('clip'), total('vae')];
  return {
    criticalMs: textEncoderMs + stepsMs + vaeMs,
    textEncoderMs,
    downMs: total('unet.down'),
    upMs: total('unet.up'),
    controlnetMs: total('controlnet'),
    vaeMs,
  };
}

/** In the order of their start. */
function runsOf(spans: readonly SpanRecord[]): Run[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const stepOf = (span: SpanRecord | undefined): string | undefined =>
    !span || span.name === 'step' ? span?.spanId : stepOf(byId.get(span.parentSpanId ?? ''));
  return spans
    .toSorted((a, b) => Number(BigInt(a.startUnixNano) - BigInt(b.startUnixNano)))
    .flatMap((span) => {
      const network = RUN.exec(span.name)?.[1];
      const runMs = span.attributes['latentmesh.run_ms'];
      return network && typeof runMs === 'number' ? [{ network, runMs, step: stepOf(span) }] : [];
    });
}
