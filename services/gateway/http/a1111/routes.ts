/** A1111's API: `/sdapi/v1` and `/controlnet`. What is not here is refused by name. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { Desk } from '../../desk.ts';
import type { JobFeed } from '../../job-feed.ts';
import { parseRequest } from '../../validation.ts';
import { abortOnDisconnect, callerOf } from '../caller.ts';
import { serveControlNet } from './controlnet-routes.ts';
import { CurrentJobs } from './current-jobs.ts';
import { serveLists } from './lists.ts';
import { pngInfo } from './png-info.ts';
import { readJob } from './request.ts';
import { generationAnswer, interruptedAnswer } from './response.ts';

/** What the routes need. */
export interface A1111Parts {
  readonly desk: Desk;
  readonly feed: JobFeed;
  readonly files: ResultStore;
  readonly status: () => Promise<MeshStatus>;
  /** Pixels of the model's own pictures. */
  readonly side: number;
}

const ImageBody = z.object({ image: z.string() });
const ProgressQuery = z.object({ id_task: z.string().optional(), skip_current_image: z.string().optional() });
/** Routes of the web UI that need what is not here. */
const ABSENT = ['extra-single-image', 'extra-batch-images', 'interrogate', 'train/embedding', 'create/embedding'];

/** Adds the routes. */
export function serveA1111(app: FastifyInstance, parts: A1111Parts): void {
  const current = new CurrentJobs(parts.feed);
  for (const kind of ['txt2img', 'img2img'] as const) {
    app.post(`/sdapi/v1/${kind}`, (request, reply) => generate({ ...parts, current }, kind, { request, reply }));
  }
  app.get('/sdapi/v1/progress', async ({ query }) => {
    const { id_task = current.first } = parseRequest(ProgressQuery, query);
    return current.progress(id_task);
  });
  for (const name of ['interrupt', 'skip']) {
    app.post(`/sdapi/v1/${name}`, async () => {
      current.interrupt(`The job was ended by /sdapi/v1/${name}.`);
      return {};
    });
  }
  app.post('/sdapi/v1/png-info', async ({ body }) => pngInfo(parseRequest(ImageBody, body).image));
  for (const name of ABSENT) app.post(`/sdapi/v1/${name}`, () => Promise.reject(absent(name)));
  serveLists(app, parts.status);
  serveControlNet(app, parts);
}

async function generate(
  parts: A1111Parts & { readonly current: CurrentJobs },
  kind: 'txt2img' | 'img2img',
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Promise<object> {
  const { desk, files, current } = parts;
  const asked = await readJob(request.body, kind);
  const { job = randomUUID() } = asked.input;
  const gone = abortOnDisconnect(reply);
  try {
    const result = await current.during(job, gone, (signal) =>
      desk.generate({ ...asked.input, job }, { ...callerOf(request), signal }),
    );
    return await generationAnswer(asked, { result, record: await desk.job({ job }), files });
  } catch (thrown) {
    const error = MeshError.from(thrown);
    if (error.code === 'CANCELLED' && !gone.aborted) return interruptedAnswer(asked, error);
    throw error;
  }
}

function absent(name: string): MeshError {
  const text = `/sdapi/v1/${name} is not here: pictures are made, not enlarged, read or learned from.`;
  return new MeshError('UNSUPPORTED_OPTION', text);
}
