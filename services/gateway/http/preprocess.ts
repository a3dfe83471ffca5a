/** POST /v1/preprocess: the hint that a ControlNet would get of a picture, before any job. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ResultStore } from '#shared/bus/object-store.ts';
import { ControlNetUnit, GenerateRequest } from '#shared/contracts/generate.ts';
import { makeHint } from '../hint.ts';
import { parseRequest } from '../validation.ts';

const { image, preprocessor, canny_low, canny_high, threshold, downsampling, resize_mode } = ControlNetUnit.shape;
const { width, height } = GenerateRequest.shape;
/** How a hint is made, without its picture. */
export const HintSettings = z.strictObject({
  preprocessor,
  canny_low,
  canny_high,
  threshold,
  downsampling,
  resize_mode,
});
/** The body of POST /v1/preprocess. */
export const PreprocessRequest = z
  .strictObject({ image, preprocessor, canny_low, canny_high, threshold, downsampling, resize_mode, width, height })
  .refine((request) => request.canny_low <= request.canny_high, {
    path: ['canny_low'],
    message: 'must not be above canny_high',
  });

/** What the route needs. */
export interface PreprocessParts {
  readonly files: ResultStore;
  /** Pixels of the model's own pictures, for requests that name no size. */
  readonly side: number;
}

/** Adds the route. */
export function servePreprocess(app: FastifyInstance, { files, side }: PreprocessParts): void {
  app.post('/v1/preprocess', async ({ body }, reply) => {
    const { width: toWidth = side, height: toHeight = side, ...source } = parseRequest(PreprocessRequest, body);
    const hint = await makeHint(source, { path: 'image', width: toWidth, height: toHeight }, files);
    return reply.type('image/png').header('cache-control', 'no-store').send(Buffer.from(hint));
  });
}
