/** A whole gateway but for NATS: its door, desk, jobs and HTTP server. A job runs as soon as it is queued. */
import type { FastifyInstance } from 'fastify';
import type { MemoryResultStore } from '#test/contract/bus/memory-stores.ts';
import { ClientShares } from '../../../services/gateway/client-shares.ts';
import { Desk } from '../../../services/gateway/desk.ts';
import { createHttp, type HttpParts } from '../../../services/gateway/http/server.ts';
import { JobFeed } from '../../../services/gateway/job-feed.ts';
import type { JobsParts } from '../../../services/gateway/jobs.ts';
import { MeshWatch } from '../../../services/gateway/mesh-watch.ts';
import { Outcomes } from '../../../services/gateway/outcomes.ts';
import { QueueGate } from '../../../services/gateway/queue-gate.ts';
import { result } from './admitted.ts';
import { door } from './door.ts';
import { type JobDesk, jobDesk } from './job-desk.ts';

export interface Gateway extends JobDesk, AsyncDisposable {
  readonly desk: Desk;
  readonly outcomes: Outcomes;
  readonly files: MemoryResultStore;
  readonly http: FastifyInstance;
  readonly feed: JobFeed;
  /** For another server of the same gateway. */
  readonly httpParts: HttpParts;
  /** Roles that /readyz misses. */
  readonly missing: string[];
}

const STATUS = {
  model: 'tiny',
  version: '0',
  controlnets: ['canny'],
  loras: ['ink'],
  samplers: ['Euler'],
  schedules: ['karras'],
};

/** By default a job gives one picture of a few bytes. */
export async function gateway(parts: Partial<JobsParts> = {}): Promise<Gateway> {
  const feed = new JobFeed();
  const shares = new ClientShares(() => jobs.clock.now());
  const jobs = jobDesk({
    tell: (event) => {
      jobs.events.push(event);
      feed.hear(event);
      outcomes.hear(event);
      shares.hear(event);
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
  const gate = new QueueGate({ ...jobs, queue: { depth: async () => 0 }, maxJobs: 1000 });
  const desk = new Desk({ gate, admission, jobs: jobs.jobs, outcomes, files, shares });
  const missing: string[] = [];
  const httpParts = {
    ...{ desk, feed, files },
    missingRoles: () => missing,
    status: async () => ({ ...STATUS, instances: [] }),
    spans: async () => [],
    watch: new MeshWatch({ instances: () => [], feed, listenSpans: () => () => {} }),
    side: 64,
  };
  const http = createHttp(httpParts);
  return {
    ...jobs,
    desk,
    outcomes,
    files,
    feed,
    http,
    httpParts,
    missing,
    [Symbol.asyncDispose]: async () => void (await http.close()),
  };
}
