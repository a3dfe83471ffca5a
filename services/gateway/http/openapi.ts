/** The OpenAPI document of the gateway: every address, with the schemas that requests are checked against. */
import { z } from 'zod';
import { GenerateRequest } from '#shared/contracts/generate.ts';
import { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { ErrorBody, JobEvent, JobRecord } from '#shared/contracts/jobs.ts';
import { VERSION } from '#shared/service/version.ts';
import { ImagesRequest } from './openai.ts';
import { PreprocessRequest } from './preprocess.ts';

interface Operation {
  readonly summary: string;
  readonly tag: 'jobs' | 'mesh' | 'OpenAI' | 'A1111' | 'service';
  /** Of the body: a schema's name. */
  readonly body?: keyof typeof SCHEMAS;
  /** Of a multipart form. */
  readonly form?: keyof typeof SCHEMAS;
  readonly query?: readonly string[];
  /** Status, and what comes: a schema's name, or a media type. */
  readonly answer: readonly [status: number, content?: string];
  /** Schema of its errors; left out: `Error`. */
  readonly error?: keyof typeof SCHEMAS;
}

const JobView = JobRecord.omit({ reply_to: true, request_digest: true }).extend({
  urls: z.object({ self: z.string(), events: z.string(), trace: z.string() }),
  position: z.number().optional(),
  progress: z.object({ step: z.number(), steps: z.number(), eta_ms: z.number().optional() }).optional(),
});

const SCHEMAS = {
  GenerateRequest,
  ImagesRequest,
  PreprocessRequest,
  Job: JobView,
  JobList: z.object({ jobs: z.array(JobView) }),
  AcceptedJob: JobView.pick({ job: true, state: true, urls: true }),
  JobEvent,
  MeshStatus,
  Error: z.object({ error: ErrorBody.extend({ field: z.string().optional() }) }),
  A1111Error: z.object({
    error: z.string(),
    detail: z.string(),
    body: z.string(),
    errors: z.string(),
    details: ErrorBody.shape.details,
  }),
} as const;

const list = (what: string): Operation => ({
  summary: `Names of ${what}`,
  tag: 'mesh',
  answer: [200, 'application/json'],
});
const sdapi = (summary: string): Operation => ({
  summary,
  tag: 'A1111',
  answer: [200, 'application/json'],
  error: 'A1111Error',
});

/** By method and address. What A1111 has for clients to look at before they draw is in docs/a1111.md alone. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /v1/jobs': {
    summary: 'Accept a generation',
    tag: 'jobs',
    body: 'GenerateRequest',
    answer: [202, 'AcceptedJob'],
  },
  'GET /v1/jobs': {
    summary: 'List jobs, the newest first',
    tag: 'jobs',
    query: ['state', 'client', 'limit'],
    answer: [200, 'JobList'],
  },
  'GET /v1/jobs/{job}': { summary: 'Look at a job', tag: 'jobs', answer: [200, 'Job'] },
  'DELETE /v1/jobs/{job}': { summary: 'Cancel a job', tag: 'jobs', answer: [200, 'Job'] },
  'GET /v1/jobs/{job}/events': { summary: 'Follow a job', tag: 'jobs', answer: [200, 'text/event-stream'] },
  'GET /v1/jobs/{job}/images/{n}': {
    summary: 'Get a picture',
    tag: 'jobs',
    query: ['format', 'quality'],
    answer: [200, 'image/png'],
  },
  'GET /v1/jobs/{job}/trace': { summary: 'Get the spans of a job', tag: 'jobs', answer: [200, 'application/json'] },
  'GET /v1/status': { summary: 'The mesh as this gateway sees it', tag: 'mesh', answer: [200, 'MeshStatus'] },
  'GET /v1/mesh/events': { summary: 'Watch the mesh', tag: 'mesh', answer: [200, 'text/event-stream'] },
  'GET /v1/models': list('models'),
  'GET /v1/loras': list('LoRAs'),
  'GET /v1/controlnets': list('ControlNets'),
  'GET /v1/samplers': list('samplers'),
  'GET /v1/schedules': list('schedules'),
  'POST /v1/preprocess': {
    summary: 'Make the hint of a ControlNet',
    tag: 'mesh',
    body: 'PreprocessRequest',
    answer: [200, 'image/png'],
  },
  'POST /v1/images/generations': {
    summary: 'Generate pictures',
    tag: 'OpenAI',
    body: 'ImagesRequest',
    answer: [200, 'application/json'],
  },
  'POST /v1/images/edits': {
    summary: 'Change a picture, or a part of it',
    tag: 'OpenAI',
    form: 'ImagesRequest',
    answer: [200, 'application/json'],
  },
  'POST /v1/images/variations': {
    summary: 'Vary a picture',
    tag: 'OpenAI',
    form: 'ImagesRequest',
    answer: [200, 'application/json'],
  },
  'POST /sdapi/v1/txt2img': sdapi('Generate pictures'),
  'POST /sdapi/v1/img2img': sdapi('Change pictures'),
  'GET /sdapi/v1/progress': sdapi('How far the oldest call is'),
  'POST /sdapi/v1/interrupt': sdapi('Give up the oldest call'),
  'GET /healthz': { summary: 'The process lives', tag: 'service', answer: [200, 'application/json'] },
  'GET /readyz': { summary: 'Every role has an instance', tag: 'service', answer: [200, 'application/json'] },
  'GET /metrics': { summary: 'Metrics of the whole mesh', tag: 'service', answer: [200, 'text/plain'] },
};

/** OpenAPI 3.1, whose schemas are JSON Schema 2020-12. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [address, operation] of Object.entries(OPERATIONS)) {
    const [method = '', path = ''] = address.split(' ');
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationObject(path, operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'latentmesh',
      version: VERSION,
      description: 'Stable Diffusion served as a mesh of actors over NATS.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, jsonSchema(schema)])),
    },
  };
}

function operationObject(
  path: string,
  { summary, tag, body, form, query = [], answer, error = 'Error' }: Operation,
): object {
  const [status, content = 'application/json'] = answer;
  return {
    summary,
    tags: [tag],
    operationId: `${summary.replaceAll(/[^A-Za-z]+(.)?/g, (_, next: string = '') => next.toUpperCase())}${path.length}`,
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter(name!, 'path')),
      ...query.map((name) => parameter(name, 'query')),
    ],
    ...((body ?? form) && {
      requestBody: {
        required: true,
        content: contentOf(form ? 'multipart/form-data' : 'application/json', (body ?? form)!),
      },
    }),
    responses: {
      [status]: { description: summary, content: answerContent(content) },
      default: { description: 'An error', content: contentOf('application/json', error) },
    },
  };
}

function parameter(name: string, place: 'path' | 'query'): object {
  return { name, in: place, required: place === 'path', schema: { type: 'string' } };
}

function answerContent(content: string): object {
  return Object.hasOwn(SCHEMAS, content) ? contentOf('application/json', content) : { [content]: {} };
}

function contentOf(type: string, schema: string): object {
  return { [type]: { schema: { $ref: `#/components/schemas/${schema}` } } };
}

/** As a caller writes it: what has a default may be left out. */
function jsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}
