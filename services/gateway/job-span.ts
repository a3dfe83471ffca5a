/** What the span of a request says of the job. Source of the names: OpenTelemetry's conventions for generative AI. No prompt is among them. */
import type { Attributes } from '#shared/telemetry/tracing.ts';
import type { AdmittedJob } from './job.ts';

/** Attributes of the span `generate`. */
export function jobAttributes({ job, model, seeds }: Pick<AdmittedJob, 'job' | 'model' | 'seeds'>): Attributes {
  return {
    'latentmesh.job': job,
    // The nearest of the known operations: none of them is about images alone.
    'gen_ai.operation.name': 'generate_content',
    'gen_ai.provider.name': 'latentmesh',
    'gen_ai.request.model': model,
    'gen_ai.output.type': 'image',
    ...(seeds[0] !== undefined && { 'gen_ai.request.seed': seeds[0] }),
    ...(seeds.length > 1 && { 'gen_ai.request.choice.count': seeds.length }),
  };
}
