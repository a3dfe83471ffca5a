/** Wires the gateway: the doors, the jobs, and the order of stages. */
import { systemClock } from '#shared/bus/clock.ts';
import { publishJson } from '#shared/bus/door.ts';
import { readSpans } from '#shared/bus/span-stream.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { runService } from '#shared/service/run-service.ts';
import { Admission } from './admission.ts';
import { openKeys } from './api-keys.ts';
import { ClientShares } from './client-shares.ts';
import { Desk } from './desk.ts';
import { answerOver, openDoors } from './doors.ts';
import { gatewayActor } from './gateway-actor.ts';
import { hearEvents, hearSpans, makePreviews } from './hear.ts';
import { createHttp } from './http/server.ts';
import { JobFeed } from './job-feed.ts';
import { Jobs } from './jobs.ts';
import { jobsAtOnce } from './jobs-at-once.ts';
import { MeshWatch } from './mesh-watch.ts';
import { meshMetrics } from './metrics.ts';
import { Outcomes } from './outcomes.ts';
import { QueueGate } from './queue-gate.ts';
import { recentFiles } from './recent-files.ts';
import { meshStatus, missingRoles } from './status.ts';
import { openStores } from './stores.ts';
import { workOn } from './work.ts';

await runService('gateway', async ({ config, instance, transport, directory, mesh, log }) => {
  const pipeline = await openPipeline(config.modelFolder, config);
  const { queue, store, results, bury } = await openStores(transport, config, log);
  const files = recentFiles(results);
  const now = Date.now;
  const jobs = new Jobs({
    store,
    enqueue: (id, body) => queue.submit({ id, body, priority: body.priority, client: body.client }),
    work: workOn({ mesh, files, now, pipeline }),
    tell: (event) => publishJson(transport, subjects.events(event.job), event),
    answer: answerOver(transport, files),
    bury,
    instance,
    log,
    clock: systemClock,
  });
  const outcomes = new Outcomes(jobs, systemClock);
  const gate = new QueueGate({ queue, jobs, maxJobs: config.queue, clock: systemClock });
  const shares = new ClientShares();
  const admission = new Admission({ pipeline, mesh, files, now });
  const desk = new Desk({ gate, admission, jobs, outcomes, files, shares });
  const feed = new JobFeed();
  hearEvents(transport, (event) => {
    for (const one of [feed, outcomes, shares]) one.hear(event);
    if (event.type === 'cancelled') jobs.abort(event.job);
  });
  makePreviews(transport);
  const capacity = (): number => config.jobs ?? jobsAtOnce(directory.instances());
  const work = queue.consume(capacity, (job, delivery) => jobs.run(job, delivery.deliveryCount));
  const status = () => meshStatus({ pipeline, directory, mesh, now, queue, maxJobs: config.queue });
  const spans = (traceId: string) => readSpans(transport.connection, traceId);
  const doors = openDoors(transport, desk, { status, spans });
  const instances = () => directory.instances();
  const http = createHttp({
    ...{ desk, feed, files, status, spans },
    watch: new MeshWatch({ instances, feed, listenSpans: hearSpans(transport) }),
    metrics: (format) => meshMetrics({ transport, directory, queueDepth: () => queue.depth() }, format),
    missingRoles: () => missingRoles(directory),
    side: pipeline.unet.sampleSize * 8,
    keys: await openKeys(config, ({ message }) => log.error({ reason: message }, 'The former API keys stay.')),
    guards: { names: config.httpNames, origins: config.httpOrigins },
    studioFolder: config.studioFolder,
  });
  const address = await http.listen({ host: config.httpHost, port: config.httpPort });
  return {
    operations: [],
    doors,
    http: address,
    actor: gatewayActor({ jobs, outcomes, work, http, capacity }),
    describe: () => ({ device: 'none', model: pipeline.name, holds: [] }),
    close: async () => {},
  };
});
