/** Wires the gateway: the doors, the jobs, and the order of stages. */
import { systemClock } from '#shared/bus/clock.ts';
import { publishJson, subscribeJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { JobEvent } from '#shared/contracts/jobs.ts';
import { runService } from '#shared/service/run-service.ts';
import { Admission } from './admission.ts';
import { Desk } from './desk.ts';
import { answerOver, openDoors } from './doors.ts';
import { createHttp } from './http.ts';
import { Jobs } from './jobs.ts';
import { jobsAtOnce } from './jobs-at-once.ts';
import { meshMetrics } from './metrics.ts';
import { Outcomes } from './outcomes.ts';
import { recentFiles } from './recent-files.ts';
import { meshStatus, missingRoles } from './status.ts';
import { openStores } from './stores.ts';
import { workOn } from './work.ts';

await runService('gateway', async ({ config, transport, directory, mesh, log }) => {
  const pipeline = await openPipeline(config.modelFolder);
  const { queue, store, results } = await openStores(transport, { maxJobs: config.queue, log });
  const files = recentFiles(results);
  const now = Date.now;
  const jobs = new Jobs({
    store,
    enqueue: (id, body) => queue.submit({ id, body, priority: body.priority, client: body.client }),
    work: workOn({ mesh, files, now }),
    tell: (event) => publishJson(transport, subjects.events(event.job), event),
    answer: answerOver(transport, files),
    log,
    clock: systemClock,
  });
  const outcomes = new Outcomes(jobs, systemClock);
  const desk = new Desk({ admission: new Admission({ pipeline, mesh, files, now }), jobs, outcomes, files });
  subscribeJson(transport, subjects.allEvents, (body) => {
    const event = JobEvent.safeParse(body).data;
    if (event) outcomes.hear(event);
    if (event?.type === 'cancelled') jobs.abort(event.job);
  });
  const capacity = (): number => config.jobs ?? jobsAtOnce(directory.instances());
  const work = queue.consume(capacity, (job, delivery) => jobs.run(job, delivery.deliveryCount));
  const doors = openDoors(transport, desk, () => meshStatus({ pipeline, directory, mesh, now }));
  const queueDepth = () => queue.depth();
  const http = createHttp({
    desk,
    missingRoles: () => missingRoles(directory),
    metrics: (format) => meshMetrics({ transport, directory, queueDepth }, format),
  });
  const address = await http.listen({ host: config.httpHost, port: config.httpPort });
  return {
    operations: [],
    doors,
    http: address,
    actor: {
      get load() {
        return jobs.load;
      },
      get capacity() {
        return capacity();
      },
      drain: async () => {
        await Promise.all([http.close(), work.drain()]);
      },
      stop: async () => {
        jobs.stop();
        outcomes.stop();
      },
    },
    describe: () => ({ device: 'none', model: pipeline.name, holds: [] }),
    close: async () => {},
  };
});
