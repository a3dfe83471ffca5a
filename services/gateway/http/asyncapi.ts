/** The AsyncAPI document of the NATS doors: subjects, requests and replies, with the schemas that they are checked against. */
import { z } from 'zod';
import { subjects } from '#shared/bus/subjects.ts';
import { GenerateReply, GenerateRequest } from '#shared/contracts/generate.ts';
import { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { ErrorBody, JobEvent, JobListQuery, JobQuery, JobRecord } from '#shared/contracts/jobs.ts';
import { VERSION } from '#shared/service/version.ts';

const PublicRecord = JobRecord.omit({ reply_to: true });

interface Door {
  readonly subject: string;
  readonly summary: string;
  readonly request: z.ZodType;
  readonly reply: z.ZodType;
}

const DOORS: Readonly<Record<string, Door>> = {
  generate: {
    subject: subjects.generate,
    summary: 'Make pictures; the reply comes at the end, or at once with the header "Prefer: respond-async"',
    request: GenerateRequest,
    reply: z.union([GenerateReply, z.object({ job: z.string(), state: z.literal('queued') })]),
  },
  jobs: {
    subject: subjects.jobs,
    summary: 'Look at one job, or list them',
    request: z.union([JobQuery, JobListQuery]),
    reply: z.union([PublicRecord, z.object({ jobs: z.array(PublicRecord) })]),
  },
  cancel: { subject: subjects.cancel, summary: 'Cancel a job', request: JobQuery, reply: PublicRecord },
  status: {
    subject: subjects.status,
    summary: 'The mesh as a gateway sees it',
    request: z.object({}),
    reply: MeshStatus,
  },
};

/** AsyncAPI 3.0. */
export function asyncApiDocument(): object {
  const doors = Object.entries(DOORS);
  const replies = doors.map(([name]) => [
    `${name}Reply`,
    { address: null, messages: messages(`${name}Reply`, 'Error') },
  ]);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'latentmesh',
      version: VERSION,
      description:
        'Requests and replies are JSON, one message each way; with the header "Content-Type: application/msgpack" the same in msgpack.',
    },
    servers: { local: { host: '127.0.0.1:4222', protocol: 'nats' } },
    defaultContentType: 'application/json',
    channels: {
      ...Object.fromEntries(doors.map(([name, { subject }]) => [name, { address: subject, messages: messages(name) }])),
      ...Object.fromEntries(replies),
      events: {
        address: subjects.events('JOB').replace('JOB', '{job}'),
        parameters: { job: { description: 'Name of the job' } },
        messages: messages('JobEvent'),
      },
    },
    operations: {
      ...Object.fromEntries(doors.map(([name, { summary }]) => [name, requestOperation(name, summary)])),
      events: { action: 'send', channel: { $ref: '#/channels/events' }, summary: 'What becomes of a job' },
    },
    components: { messages: componentMessages() },
  };
}

/** From the mesh's side, as AsyncAPI has it: it receives what people send. */
function requestOperation(name: string, summary: string): object {
  return {
    action: 'receive',
    summary,
    channel: { $ref: `#/channels/${name}` },
    reply: { channel: { $ref: `#/channels/${name}Reply` }, address: { location: '$message.header#/reply' } },
  };
}

function messages(...names: string[]): object {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}

function componentMessages(): object {
  const schemas = Object.entries(DOORS).flatMap(([name, { request, reply }]) => [
    [name, payload(request, 'input')],
    [`${name}Reply`, payload(reply, 'output')],
  ]);
  const own = { JobEvent: payload(JobEvent, 'output'), Error: payload(z.object({ error: ErrorBody }), 'output') };
  return { ...Object.fromEntries(schemas), ...own };
}

function payload(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return { payload: rest };
}
