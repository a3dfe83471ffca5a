/** OpenAI's images API: `/v1/images`. */
import type { FastifyInstance } from 'fastify';
import type { Desk } from '../desk.ts';
import { abortOnDisconnect, traceContext } from './caller.ts';
import { toGenerateInput, toImagesResponse } from './openai.ts';

/** Adds the routes. */
export function serveImages(app: FastifyInstance, desk: Desk): void {
  app.post('/v1/images/generations', async (request, reply) => {
    const signal = abortOnDisconnect(reply);
    const startedUnixMs = Date.now();
    const generated = await desk.generate(toGenerateInput(request.body), { headers: traceContext(request), signal });
    return toImagesResponse(generated, startedUnixMs);
  });
}
