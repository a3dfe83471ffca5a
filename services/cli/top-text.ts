/** One look at the mesh as text: what it does, who is there, which jobs are on their way. */
import { styleText } from 'node:util';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { statusRows } from './status-text.ts';
import type { RunningJob } from './steps-seen.ts';
import { table } from './table.ts';

/** See the head of this file. */
export interface Look extends MeshStatus {
  readonly unix_ms: number;
  readonly steps_per_second: number;
  readonly running: readonly RunningJob[];
}

const BAR_WIDTH = 20;

/** Lines of at most `columns`; undefined for a pipe, which has none. */
export function topText(look: Look, columns: number | undefined): string {
  const { model, version, queue, steps_per_second, running, unix_ms } = look;
  const waiting = queue ? `queue ${Math.max(0, queue.jobs - running.length)} of ${queue.limit}` : 'queue unknown';
  const head = `latentmesh ${version}  ${model}  ${running.length} running, ${waiting}, ${steps_per_second.toFixed(1)} steps/s`;
  const lines = [
    styleText('bold', head, { stream: process.stdout }),
    '',
    ...table(statusRows(look.instances, unix_ms)),
  ];
  if (running.length > 0) lines.push('', ...table([['JOB', 'STEP', '', 'DENOISER'], ...running.map(jobRow)]));
  return lines.map((line) => (columns === undefined ? line : line.slice(0, columns))).join('\n');
}

function jobRow({ job, step, steps, instance = '' }: RunningJob): string[] {
  const full = steps === 0 ? 0 : Math.round((step / steps) * BAR_WIDTH);
  return [job, `${step}/${steps}`, '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full), instance];
}
