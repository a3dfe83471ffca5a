/** `latentmesh jobs`: what the mesh remembers, newest first. */
import type { PublicRecord } from '#shared/client/mesh.ts';
import type { JobListQuery } from '#shared/contracts/jobs.ts';
import { openMesh } from './mesh.ts';
import { table } from './table.ts';

/** Flags of `latentmesh jobs`. */
export interface JobsFlags {
  readonly json?: boolean;
  readonly state?: string;
  readonly client?: string;
  readonly limit?: number;
}

const MAX_PROMPT_CHARS = 60;

/** Runs the command. @throws MeshError INVALID_REQUEST; BUS_UNAVAILABLE when no mesh runs */
export async function jobs({ json, ...query }: JobsFlags): Promise<void> {
  const mesh = await openMesh();
  try {
    const records = await mesh.client.jobs(query as Partial<JobListQuery>);
    process.stdout.write(`${json ? JSON.stringify(records) : jobsText(records, Date.now())}\n`);
  } finally {
    await mesh.close();
  }
}

/** One line for each job. */
export function jobsText(records: readonly PublicRecord[], nowUnixMs: number): string {
  if (records.length === 0) return 'no jobs';
  const rows = records.map((record) => [
    record.job,
    record.state,
    ago(record, nowUnixMs),
    took(record),
    promptOf(record),
  ]);
  return table([['JOB', 'STATE', 'AGO', 'TOOK', 'PROMPT'], ...rows]).join('\n');
}

function ago({ created_unix_ms }: PublicRecord, nowUnixMs: number): string {
  const seconds = Math.max(0, Math.round((nowUnixMs - created_unix_ms) / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function took({ created_unix_ms, finished_unix_ms }: PublicRecord): string {
  return finished_unix_ms === undefined ? '' : `${((finished_unix_ms - created_unix_ms) / 1000).toFixed(2)} s`;
}

/** A failed job tells why instead. */
function promptOf({ request, error }: PublicRecord): string {
  const prompt = request?.prompt;
  const text = error
    ? `${error.code}: ${error.message}`
    : Array.isArray(prompt)
      ? prompt.join(' | ')
      : String(prompt ?? '');
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > MAX_PROMPT_CHARS ? `${line.slice(0, MAX_PROMPT_CHARS - 1)}…` : line;
}
