/** `latentmesh trace`: where the time of a job went, over all processes. */
import { subjects } from '#shared/bus/subjects.ts';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import { lastJob } from './last-job.ts';
import { openMesh } from './mesh.ts';
import { waterfall } from './waterfall.ts';

/** Flags of `latentmesh trace`. */
export interface TraceFlags {
  readonly json?: boolean;
  /** Columns. */
  readonly width?: number;
  readonly all?: boolean;
}

const TIMEOUT_MS = 10_000;
/** Of a pipe, which has none. */
const DEFAULT_COLUMNS = 120;

/** Runs the command. @throws MeshError UNKNOWN_JOB; BUS_UNAVAILABLE when no mesh runs */
export async function trace(job: string | undefined, flags: TraceFlags): Promise<void> {
  const name = job ?? (await lastJob());
  const mesh = await openMesh();
  try {
    const record = await mesh.client.request<JobRecord>(subjects.jobs, { job: name }, TIMEOUT_MS);
    const { readSpans } = await import('#shared/bus/span-stream.ts');
    const spans = await readSpans(mesh.transport.connection, record.trace_id);
    const { isTTY, columns } = process.stdout;
    const options = {
      width: flags.width ?? columns ?? DEFAULT_COLUMNS,
      colour: isTTY && process.stdout.hasColors(),
      all: flags.all === true,
    };
    const text = flags.json ? JSON.stringify(spans) : `job ${name}, ${record.state}\n${waterfall(spans, options)}`;
    process.stdout.write(`${text}\n`);
  } finally {
    await mesh.close();
  }
}
