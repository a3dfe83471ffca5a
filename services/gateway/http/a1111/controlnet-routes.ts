/** The routes of A1111's ControlNet extension. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ResultStore } from '#shared/bus/object-store.ts';
import { PREPROCESSOR_NAMES } from '#shared/contracts/choices.ts';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { MAX_BATCH, MAX_CONTROLNETS } from '#shared/contracts/limits.ts';
import { decodeBase64Image } from '#shared/image/decode.ts';
import { makeHint } from '../../hint.ts';
import { parseRequest } from '../../validation.ts';
import { HintSettings } from '../preprocess.ts';

/** What the routes need. */
export interface ControlNetRouteParts {
  readonly status: () => Promise<MeshStatus>;
  readonly files: ResultStore;
}

/** Version of the extension's API that these routes follow. */
const VERSION = 3;
const DetectBody = z.object({
  controlnet_module: z.string().default('none'),
  controlnet_input_images: z.array(z.string()).max(MAX_BATCH).optional(),
  controlnet_images: z.array(z.string()).max(MAX_BATCH).optional(),
  controlnet_threshold_a: z.number().nullish(),
  controlnet_threshold_b: z.number().nullish(),
});

/** Adds the routes. */
export function serveControlNet(app: FastifyInstance, { status, files }: ControlNetRouteParts): void {
  app.get('/controlnet/version', async () => ({ version: VERSION }));
  app.get('/controlnet/model_list', async () => ({ model_list: (await status()).controlnets }));
  app.get('/controlnet/module_list', async () => ({ module_list: PREPROCESSOR_NAMES, module_detail: {} }));
  app.get('/controlnet/settings', async () => ({ control_net_unit_count: MAX_CONTROLNETS }));
  app.get('/controlnet/control_types', async () => ({ control_types: { All: await allTypes(status) } }));
  app.post('/controlnet/detect', async ({ body }) => {
    const request = parseRequest(DetectBody, body);
    const images = request.controlnet_input_images ?? request.controlnet_images ?? [];
    const settings = parseRequest(HintSettings, {
      preprocessor: request.controlnet_module,
      ...(request.controlnet_module === 'canny' && {
        canny_low: Math.round(request.controlnet_threshold_a ?? 100),
        canny_high: Math.round(request.controlnet_threshold_b ?? 200),
      }),
    });
    const hints = images.map(async (image, i) => {
      const path = `controlnet_input_images.${i}`;
      const [height, width] = (await decodeBase64Image(image, path)).shape as [number, number];
      const hint = await makeHint({ ...settings, image }, { path, width, height }, files);
      return Buffer.from(hint).toString('base64');
    });
    return { images: await Promise.all(hints), info: 'Success' };
  });
}

async function allTypes(status: () => Promise<MeshStatus>): Promise<object> {
  const { controlnets } = await status();
  return {
    module_list: PREPROCESSOR_NAMES,
    model_list: ['None', ...controlnets],
    default_option: 'none',
    default_model: controlnets[0] ?? 'None',
  };
}
