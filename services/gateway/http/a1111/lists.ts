/** What A1111's clients ask before they draw: the lists and settings of the web UI, as far as there are any. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { SAMPLERS } from '#shared/diffusion/sampler-names.ts';
import { SCHEDULE_LABELS, SCHEDULE_NAMES } from '#shared/diffusion/schedule-names.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { parseRequest } from '../../validation.ts';
import { settingsOf, UPSCALER_NAMES } from './request.ts';

/** Kinds of things of which there are none. */
const EMPTY = [
  'prompt-styles',
  'hypernetworks',
  'face-restorers',
  'realesrgan-models',
  'sd-vae',
  'sd-modules',
  'extensions',
];
const SCRIPTS = ['controlnet'];
const Settings = z.record(z.string(), z.unknown());

/** Adds the routes. */
export function serveLists(app: FastifyInstance, status: () => Promise<MeshStatus>): void {
  const list = (name: string, answer: () => unknown): void => {
    app.get(`/sdapi/v1/${name}`, async () => answer());
  };
  list('samplers', () => SAMPLERS.map(({ label, aliases }) => ({ name: label, aliases, options: {} })));
  list('schedulers', () => SCHEDULE_NAMES.map(scheduler));
  list('sd-models', async () => [modelOf(await status())]);
  list('loras', async () => (await status()).loras.map((name) => ({ name, alias: name, path: name, metadata: {} })));
  list('embeddings', () => ({ loaded: {}, skipped: {} }));
  list('upscalers', () => ['None', 'Lanczos', 'Nearest'].map(upscaler));
  list('latent-upscale-modes', () => latentModes().map((name) => ({ name })));
  list('scripts', () => ({ txt2img: SCRIPTS, img2img: SCRIPTS }));
  list('script-info', () => SCRIPTS.flatMap((name) => [scriptInfo(name, false), scriptInfo(name, true)]));
  list('cmd-flags', () => ({ api: true }));
  list('memory', memory);
  for (const name of EMPTY) list(name, () => []);
  for (const name of ['refresh-checkpoints', 'refresh-vae', 'refresh-loras', 'refresh-embeddings']) {
    // The libraries are read anew with every request.
    app.post(`/sdapi/v1/${name}`, async () => ({}));
  }
  list('options', async () => options(await status()));
  app.post('/sdapi/v1/options', async ({ body }) => {
    const { model, ...changed } = settingsOf(parseRequest(Settings, body));
    const served = (await status()).model;
    if (model !== undefined && model !== served) throw otherModel(model, served);
    if (Object.keys(changed).length > 0) throw notGlobal(Object.keys(changed));
    return {};
  });
}

function options({ model }: MeshStatus): object {
  return {
    sd_model_checkpoint: model,
    sd_checkpoint_hash: '',
    sd_vae: 'Automatic',
    CLIP_stop_at_last_layers: 1,
    randn_source: 'GPU',
    eta_noise_seed_delta: 0,
    samples_format: 'png',
  };
}

function modelOf({ model }: MeshStatus): object {
  return { title: model, model_name: model, hash: null, sha256: null, filename: model, config: null };
}

function scheduler(name: (typeof SCHEDULE_NAMES)[number]): object {
  return { name, label: SCHEDULE_LABELS[name], aliases: null, default_rho: -1, need_inner_model: false };
}

function upscaler(name: string): object {
  return { name, model_name: null, model_path: null, model_url: null, scale: 4 };
}

function latentModes(): string[] {
  return UPSCALER_NAMES.filter((name) => name.startsWith('Latent'));
}

function scriptInfo(name: string, isImg2Img: boolean): object {
  return { name, is_alwayson: true, is_img2img: isImg2Img, args: [] };
}

/** Of the gateway, which has no device. */
function memory(): object {
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return { ram: { free: heapTotal - heapUsed, used: rss, total: heapTotal }, cuda: { error: 'unavailable' } };
}

function otherModel(model: string, served: string): MeshError {
  return new MeshError('UNKNOWN_MODEL', `This mesh serves the model "${served}", not ${JSON.stringify(model)}.`, {
    path: 'sd_model_checkpoint',
    known: [served],
  });
}

function notGlobal(names: readonly string[]): MeshError {
  const text = `${names.join(', ')} cannot be set for everyone: send override_settings with each request.`;
  return new MeshError('UNSUPPORTED_OPTION', text, { path: names[0] });
}
