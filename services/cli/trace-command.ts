/** `latentmesh trace`: where the time of a job went, over all processes, and why. */
import { writeFile } from 'node:fs/promises';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { whySlow } from '#shared/telemetry/why-slow.ts';
import { lastJob } from './last-job.ts';
import { openMesh } from './mesh.ts';
import { traceFile } from './trace-events.ts';
import { waterfall } from './waterfall.ts';

/** Flags of `latentmesh trace`. */
export interface TraceFlags {
  readonly json?: boolean;
  /** `chrome` and `perfetto` are one format with two names. */
  readonly format?: 'text' | 'json' | 'chrome' | 'perfetto';
  /** A file instead of stdout. */
  readonly output?: string;
  /** Columns. */
  readonly width?: number;
  readonly all?: boolean;
}

/** Of a pipe, which has none. */
const DEFAULT_COLUMNS = 120;

/** Runs the command. @throws MeshError UNKNOWN_JOB; BUS_UNAVAILABLE when no mesh runs */
export async function trace(job: string | undefined, flags: TraceFlags): Promise<void> {
  const name = job ?? (await lastJob());
  const mesh = await openMesh();
  try {
    const record = await mesh.client.job(name);
    const { readSpans } = await import('#shared/bus/span-stream.ts');
    const spans = await readSpans(mesh.transport.connection, record.trace_id);
    const text = `${traceText(`job ${name}, ${record.state}`, spans, flags)}\n`;
    if (flags.output === undefined) process.stdout.write(text);
    else await writeFile(flags.output, text);
  } finally {
    await mesh.close();
  }
}

function traceText(heading: string, spans: readonly SpanRecord[], flags: TraceFlags): string {
  const format = flags.json ? 'json' : (flags.format ?? 'text');
  if (format === 'json') return JSON.stringify(spans);
  if (format !== 'text') return JSON.stringify(traceFile(spans));
  const { isTTY, columns } = process.stdout;
  const isShown = flags.output === undefined && isTTY;
  const options = {
    width: flags.width ?? columns ?? DEFAULT_COLUMNS,
    colour: isShown && process.stdout.hasColors(),
    all: flags.all === true,
  };
  const why = whySlow(spans);
  return [heading, waterfall(spans, options), ...(why ? ['', why.text] : [])].join('\n');
}
