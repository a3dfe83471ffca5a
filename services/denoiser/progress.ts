/** Progress of a job, for whoever listens to its events: people read them as JSON; previews go to a gateway first. */
import type { Bus } from '#shared/bus/bus.ts';
import { publishJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Transport } from '#shared/bus/transport.ts';
import type { JobEvent } from '#shared/contracts/jobs.ts';
import { type LatentRgb, latentsToRgb } from '#shared/tensor/latent-rgb.ts';
import { message } from '#shared/wire/message.ts';
import type { Progress } from './denoiser-parts.ts';
import { StepRate } from './step-rate.ts';

/** What telling needs. */
export interface ProgressParts {
  readonly transport: Transport;
  readonly bus: Bus;
  readonly instance: string;
  readonly latentRgb: LatentRgb;
}

/** Tells a step, once the next one has begun; lost ones do not matter. */
export function publishProgress(parts: ProgressParts): (progress: Progress) => void {
  let rate = { job: '', steps: new StepRate() };
  return (progress) => {
    const { job, step, steps, clean } = progress;
    if (rate.job !== job || step === 1) rate = { job, steps: new StepRate() };
    const eta_ms = rate.steps.tick(Date.now(), steps - step);
    const { instance, transport, bus, latentRgb } = parts;
    const event: JobEvent = { type: 'progress', job, step, steps, instance, ...(eta_ms !== undefined && { eta_ms }) };
    const rgb = clean && latentsToRgb(clean, latentRgb);
    setImmediate(() => {
      publishJson(transport, subjects.events(job), event);
      if (rgb) bus.publish(subjects.previews(job), message({ job, step, steps }, { rgb }));
    });
  };
}
