/** Progress of a job, for whoever listens to its events: people read them as JSON. */
import { publishJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Transport } from '#shared/bus/transport.ts';
import type { JobEvent } from '#shared/contracts/jobs.ts';
import type { Progress } from './denoiser-actor.ts';

/** Tells a step, once the next one has begun; lost ones do not matter. */
export function publishProgress(transport: Transport): (progress: Progress) => void {
  return ({ job, step, steps }) => {
    const event: JobEvent = { type: 'progress', job, step, steps };
    setImmediate(() => publishJson(transport, subjects.events(job), event));
  };
}
