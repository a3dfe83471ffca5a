/** Jobs over stores in memory, with a queue that the test empties by hand, and everything written down that others hear. */
import type { Job } from '#shared/bus/job-handling.ts';
import type { DeadLetter } from '#shared/contracts/dead-letter.ts';
import type { JobEvent, JobRecord } from '#shared/contracts/jobs.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { ManualClock } from '#test/contract/bus/manual-clock.ts';
import { MemoryJobStore } from '#test/contract/bus/memory-stores.ts';
import { Jobs, type JobsParts } from '../../../services/gateway/jobs.ts';
import { result } from './admitted.ts';

export interface JobDesk {
  readonly jobs: Jobs;
  readonly store: MemoryJobStore<JobRecord>;
  readonly clock: ManualClock;
  readonly queue: Job[];
  readonly events: JobEvent[];
  /** `<reply subject> <state>` */
  readonly answers: string[];
  readonly letters: DeadLetter[];
  /** Another gateway of the same mesh. */
  newGateway(parts?: Partial<JobsParts>): Jobs;
}

/** By default work succeeds at once. */
export function jobDesk(parts: Partial<JobsParts> = {}): JobDesk {
  const store = new MemoryJobStore<JobRecord>();
  const clock = new ManualClock();
  const queue: Job[] = [];
  const events: JobEvent[] = [];
  const answers: string[] = [];
  const letters: DeadLetter[] = [];
  const newGateway = (own: Partial<JobsParts> = {}): Jobs =>
    new Jobs({
      store,
      clock,
      instance: 'gateway-1',
      bury: async (letter) => void letters.push(letter),
      log: SILENT,
      enqueue: async (id, body) => {
        queue.push({ id, body: JSON.parse(JSON.stringify(body)) });
      },
      work: async (job) => result(job.job),
      tell: (event) => events.push(event),
      answer: async (replyTo, record) => {
        answers.push(`${replyTo} ${record.state}`);
      },
      ...parts,
      ...own,
    });
  return { jobs: newGateway(), store, clock, queue, events, answers, letters, newGateway };
}

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
