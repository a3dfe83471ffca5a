/** The mesh as this gateway sees it. */
import type { JobQueue } from '#shared/bus/job-queue.ts';
import type { Pipeline } from '#shared/checkpoint/pipeline.ts';
import * as controlnet from '#shared/contracts/controlnet.ts';
import { type MeshStatus, Role } from '#shared/contracts/heartbeat.ts';
import * as lora from '#shared/contracts/lora.ts';
import { SAMPLERS } from '#shared/diffusion/sampler-names.ts';
import { SCHEDULE_NAMES } from '#shared/diffusion/schedule-names.ts';
import type { Directory } from '#shared/placement/directory.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import { VERSION } from '#shared/service/version.ts';

/** Whom a status asks. */
export interface StatusParts {
  readonly pipeline: Pipeline;
  readonly directory: Directory;
  readonly mesh: MeshClient;
  readonly now: () => number;
  readonly queue: Pick<JobQueue, 'depth'>;
  /** Jobs that the queue takes. */
  readonly maxJobs: number;
}

/** Libraries that do not answer in this time are left out: a status must come while things are broken, ms. */
const LIST_TIMEOUT_MS = 1000;

/** Asks for the libraries and adds the instances of the directory; what does not answer is left out. */
export async function meshStatus(parts: StatusParts): Promise<MeshStatus> {
  const { pipeline, directory, mesh, now, queue, maxJobs } = parts;
  const options = { deadlineUnixMs: now() + LIST_TIMEOUT_MS, signal: new AbortController().signal };
  const [controlnets, loras, jobs] = await Promise.all([
    mesh.call(controlnet.list, {}, {}, options).then(
      ({ body }) => body.controlnets,
      () => [],
    ),
    mesh.call(lora.list, {}, {}, options).then(
      ({ body }) => body.loras,
      () => [],
    ),
    withinTime(queue.depth()),
  ]);
  return {
    model: pipeline.name,
    version: VERSION,
    instances: directory.instances(),
    controlnets,
    loras,
    samplers: SAMPLERS.map((sampler) => sampler.label),
    schedules: [...SCHEDULE_NAMES],
    ...(pipeline.vocabulary && { examples: [...pipeline.vocabulary.examples] }),
    ...(jobs !== undefined && { queue: { jobs, limit: maxJobs } }),
  };
}

/** Undefined for what fails, or takes longer than the libraries may. */
async function withinTime<T>(answer: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), LIST_TIMEOUT_MS);
  return Promise.race([answer.catch(() => undefined), late.promise]).finally(() => clearTimeout(timer));
}

/** Roles without a live instance: the mesh makes no picture until they are there. */
export function missingRoles(directory: Directory): string[] {
  return Role.options.filter((role) => directory.instances(role).every((instance) => instance.leaving));
}
