/** Runs `fixtures/traced-process.ts` with an environment of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface TracedProcess {
  readonly traceId: string;
  readonly logLines: readonly Record<string, unknown>[];
}

/** `OTEL_*` variables of the test run itself do not reach it. */
export async function runTraced(otel: Record<string, string> = {}): Promise<TracedProcess> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
  const env = { ...Object.fromEntries(inherited), ...otel };
  const file = fileURLToPath(new URL('./fixtures/traced-process.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { env });
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
  return { traceId: stdout, logLines: lines.map((line) => JSON.parse(line)) };
}
