/** A whole gateway but for NATS: its door, desk, jobs and HTTP server. A job runs as soon as it is queued. */
import type { FastifyInstance } from 'fastify';
import type { MemoryResultStore } from '#test/contract/bus/memory-stores.ts';
import { Desk } from '../../../services/gateway/desk.ts';
import { createHttp } from '../../../services/gateway/http.ts';
import type { JobsParts } from '../../../services/gateway/jobs.ts';
import { Outcomes } from '../../../services/gateway/outcomes.ts';
import { result } from './admitted.ts';
import { door } from './door.ts';
import { type JobDesk, jobDesk } from './job-desk.ts';

export interface Gateway extends JobDesk, AsyncDisposable {
  readonly desk: Desk;
  readonly outcomes: Outcomes;
  readonly files: MemoryResultStore;
  readonly http: FastifyInstance;
  /** Roles that /readyz misses. */
  readonly missing: string[];
}

/** By default a job gives one picture of a few bytes. */
export async function gateway(parts: Partial<JobsParts> = {}): Promise<Gateway> {
  const jobs = jobDesk({
    tell: (event) => {
      jobs.events.push(event);
      outcomes.hear(event);
    },
    enqueue: async (id, body) => {
      jobs.queue.push({ id, body });
      void jobs.jobs.run({ id, body }, 1);
    },
    work: async (job) => {
      await files.put(`${job.job}-0.png`, new Uint8Array([1, 2, 3]));
      const object = { bucket: files.bucket, name: `${job.job}-0.png`, bytes: 3 };
      return result(job.job, [{ seed: job.seeds[0]!, width: 64, height: 64, parameters: job.prompts[0]!, object }]);
    },
    ...parts,
  });
  const outcomes = new Outcomes(jobs.jobs, jobs.clock);
  const { admission, files } = await door(jobs.clock);
  const desk = new Desk({ admission, jobs: jobs.jobs, outcomes, files });
  const missing: string[] = [];
  const http = createHttp({ desk, missingRoles: () => missing });
  return {
    ...jobs,
    desk,
    outcomes,
    files,
    http,
    missing,
    [Symbol.asyncDispose]: async () => void (await http.close()),
  };
}
