/** A1111's API: each of its fields is honoured, refused by name, or ignored for a reason. */
import { describe, expect, it } from 'vitest';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { aborted, failure, gate } from '#test/contract/bus/harness.ts';
import { readJob } from '../../../services/gateway/http/a1111/request.ts';
import { gateway } from './gateway.ts';

const PNG = Buffer.from(
  await encodePng(tensor('u8', [64, 64, 3], new Uint8Array(64 * 64 * 3)), {
    parameters: 'a boat\nNegative prompt: fog\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: 9, Size: 64x64',
  }),
).toString('base64');
const UNIT = { image: PNG, model: 'edges [0123abcd]', module: 'canny' };

const text = async (body: object) => (await readJob(body, 'txt2img')).input;
const image = async (body: object) => (await readJob({ init_images: [PNG], ...body }, 'img2img')).input;

describe('A1111 — what is honoured', () => {
  it('takes the web UI’s defaults: its grammar, its noise, its sampler', async () => {
    expect(await text({ prompt: 'a cat' })).toMatchObject({
      prompt: 'a cat',
      prompt_syntax: 'a1111',
      rng: 'philox',
      sampler: 'Euler',
      steps: 50,
      guidance_scale: 7,
      batch: 1,
      preview_every: 5,
    });
  });

  it.each<[string, object, object]>([
    ['batches times iterations', { batch_size: 2, n_iter: 3 }, { batch: 6 }],
    ['a seed', { seed: 7 }, { seed: 7 }],
    [
      'the schedule that a sampler has there',
      { sampler_name: 'DPM++ 2M' },
      { sampler: 'DPM++ 2M', schedule: 'karras' },
    ],
    ['a schedule', { sampler_name: 'Euler', scheduler: 'sgm_uniform' }, { sampler: 'Euler', schedule: 'sgm_uniform' }],
    ['the old name of a sampler', { sampler_index: 'Euler a' }, { sampler: 'Euler a' }],
    ['eta, where the sampler has one', { sampler_name: 'DDIM', eta: 0.5 }, { eta: 0.5 }],
    [
      'a varied seed',
      { subseed: 3, subseed_strength: 0.2, seed_resize_from_w: 64, seed_resize_from_h: 128 },
      { subseed: 3, subseed_strength: 0.2, seed_resize_from: { width: 64, height: 128 } },
    ],
    [
      'a refiner',
      { refiner_checkpoint: 'finisher [0123456789]', refiner_switch_at: 0.7 },
      { refiner: { model: 'finisher', denoising_start: 0.7 } },
    ],
    ['a name for the job', { force_task_id: 'mine' }, { job: 'mine' }],
    [
      'settings of its own',
      {
        override_settings: {
          CLIP_stop_at_last_layers: 2,
          sd_model_checkpoint: 'tiny [0123456789]',
          randn_source: 'CPU',
        },
      },
      { clip_skip: 2, model: 'tiny', rng: 'cpu' },
    ],
    [
      'a second run',
      { enable_hr: true, hr_upscaler: 'Latent (bicubic)', hr_second_pass_steps: 5, denoising_strength: 0.4 },
      { hires: { scale: 2, strength: 0.4, upscaler: 'latent-bicubic', steps: 5 } },
    ],
    [
      'a second run to a size',
      { enable_hr: true, hr_resize_x: 256, hr_resize_y: 128 },
      { hires: { width: 256, height: 128 } },
    ],
    [
      'ControlNet',
      {
        alwayson_scripts: {
          ControlNet: {
            args: [{ ...UNIT, threshold_a: 50, threshold_b: 90, weight: 0.5, guidance_end: 0.8, resize_mode: 0 }],
          },
        },
      },
      {
        controlnets: [
          {
            controlnet: 'edges',
            image: PNG,
            preprocessor: 'canny',
            canny_low: 50,
            canny_high: 90,
            controlnet_conditioning_scale: 0.5,
            control_guidance_end: 0.8,
            resize_mode: 'stretch',
          },
        ],
      },
    ],
  ])('%s', async (_, body, expected) => {
    expect(await text(body)).toMatchObject(expected);
  });

  it('−1 asks for a seed at random', async () => {
    const input = await text({ seed: -1, subseed: -1, subseed_strength: 0, eta: 1 });
    expect(input).not.toHaveProperty('seed');
    expect(input).not.toHaveProperty('subseed_strength');
    expect(input).not.toHaveProperty('eta'); // Euler has none
  });

  it('a picture to start from, and the part of it that is painted anew', async () => {
    expect(await image({})).toMatchObject({ init_image: PNG, strength: 0.75, resize_mode: 'stretch' });
    const mask = { mask: PNG, mask_blur: 2, inpainting_fill: 1, inpaint_full_res: false, inpainting_mask_invert: 1 };
    expect(await image({ ...mask, denoising_strength: 0.5, resize_mode: 1 })).toMatchObject({
      ...{
        mask_image: PNG,
        mask_blur: 2,
        mask_invert: true,
        inpaint_fill: 'original',
        strength: 0.5,
        resize_mode: 'crop',
      },
    });
    const unit = { ...UNIT, image: null };
    const input = await image({ alwayson_scripts: { controlnet: { args: [unit] } } });
    expect(input.controlnets![0]!.image).toBe(PNG);
  });
});

describe('A1111 — what is not', () => {
  it.each<[string, object, string]>([
    ['script_name', { script_name: 'X/Y/Z plot' }, 'UNSUPPORTED_OPTION'],
    ['tiling', { tiling: true }, 'UNSUPPORTED_OPTION'],
    ['styles', { styles: ['Fantasy'] }, 'UNSUPPORTED_OPTION'],
    ['hr_upscaler', { enable_hr: true, hr_upscaler: 'LDSR' }, 'UNSUPPORTED_OPTION'],
    ['override_settings.sd_vae', { override_settings: { sd_vae: 'other.pt' } }, 'UNSUPPORTED_OPTION'],
    ['override_settings.CLIP_stop_at', { override_settings: { CLIP_stop_at: 2 } }, 'UNSUPPORTED_OPTION'],
    ['alwayson_scripts.ADetailer', { alwayson_scripts: { ADetailer: { args: [true, {}] } } }, 'UNSUPPORTED_OPTION'],
    [
      'alwayson_scripts.controlnet.args.0.control_mode',
      { alwayson_scripts: { controlnet: { args: [{ ...UNIT, control_mode: 2 }] } } },
      'UNSUPPORTED_OPTION',
    ],
    [
      'alwayson_scripts.controlnet.args.0.model',
      { alwayson_scripts: { controlnet: { args: [{ ...UNIT, model: 'None' }] } } },
      'INVALID_REQUEST',
    ],
  ])('%s is refused by name', async (path, body, code) => {
    const error = await failure(text(body));
    expect([error.code, error.details.path]).toEqual([code, path]);
  });

  it.each([
    ['a field that nobody knows', { promt: 'a cat' }, 'promt'],
    ['too many pictures', { batch_size: 4, n_iter: 4 }, 'n_iter'],
    [
      'a unit’s field that nobody knows',
      { alwayson_scripts: { controlnet: { args: [{ ...UNIT, wieght: 1 }] } } },
      'wieght',
    ],
  ])('%s', async (_, body, named) => {
    const error = await failure(text(body));
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', message: expect.stringContaining(named) });
  });

  it('takes what asks for nothing, as clients send it with every request', async () => {
    const nothing = {
      ...{
        styles: [],
        restore_faces: false,
        tiling: false,
        s_churn: 0,
        s_noise: 1,
        script_name: null,
        script_args: [],
      },
      ...{
        save_images: false,
        do_not_save_grid: true,
        override_settings: {},
        hr_prompt: '',
        refiner_checkpoint: 'None',
      },
      ...{ refiner_switch_at: 0.8 },
      ...{ alwayson_scripts: { ADetailer: { args: [false] } }, scheduler: 'automatic', enable_hr: false, hr_scale: 2 },
    };
    expect(await text({ prompt: 'a cat', ...nothing })).toEqual(await text({ prompt: 'a cat' }));
  });
});

describe('A1111 — its routes', () => {
  it('answers with pictures and with what they were made by', async () => {
    await using app = await gateway();
    const body = { prompt: 'a cat', seed: 7, steps: 4, width: 64, height: 64 };
    const response = await app.http.inject({ method: 'POST', url: '/sdapi/v1/txt2img', payload: body });
    expect([response.statusCode, response.json().images]).toEqual([200, ['AQID']]);
    const info = JSON.parse(response.json().info);
    expect(info).toMatchObject({ all_seeds: [7], steps: 4, sampler_name: 'Euler', infotexts: ['a cat'], warnings: [] });
  });

  it('errors are in its form', async () => {
    await using app = await gateway();
    const response = await app.http.inject({ method: 'POST', url: '/sdapi/v1/txt2img', payload: { tiling: true } });
    expect([response.statusCode, response.json()]).toMatchObject([
      422,
      { error: 'UNSUPPORTED_OPTION', detail: expect.stringContaining('tiling'), errors: expect.any(String) },
    ]);
    const absent = await app.http.inject({ method: 'POST', url: '/sdapi/v1/interrogate', payload: {} });
    expect(absent.json().error).toBe('UNSUPPORTED_OPTION');
  });

  it('tells how far it is, with the picture by then, and gives it up when told', async () => {
    const started = gate();
    await using app = await gateway({
      work: (_, signal) => {
        started.open();
        return aborted(signal);
      },
    });
    const post = (url: string, payload: object) => app.http.inject({ method: 'POST', url, payload });
    const answer = post('/sdapi/v1/txt2img', { prompt: 'a cat', force_task_id: 'mine' });
    await started.opened;
    app.feed.hear({ type: 'progress', job: 'mine', step: 5, steps: 20, eta_ms: 3000 });
    app.feed.hear({ type: 'preview', job: 'mine', step: 5, steps: 20, images: ['data:image/jpeg;base64,QUJD'] });
    expect((await app.http.inject('/sdapi/v1/progress')).json()).toMatchObject({
      progress: 0.25,
      eta_relative: 3,
      state: { job: 'mine', job_count: 1, sampling_step: 5, sampling_steps: 20 },
      current_image: 'QUJD',
    });
    await post('/sdapi/v1/interrupt', {});
    expect((await answer).json()).toMatchObject({ images: ['QUJD'], info: expect.stringContaining('interrupted') });
    expect((await app.jobs.get('mine')).state).toBe('cancelled');
    expect((await app.http.inject('/sdapi/v1/progress')).json()).toMatchObject({
      progress: 0,
      state: { job_count: 0 },
    });
  });

  it('reads a PNG’s parameters', async () => {
    await using app = await gateway();
    const response = await app.http.inject({ method: 'POST', url: '/sdapi/v1/png-info', payload: { image: PNG } });
    expect(response.json()).toMatchObject({
      info: expect.stringContaining('a boat'),
      parameters: { Prompt: 'a boat', 'Negative prompt': 'fog', Seed: '9' },
    });
  });

  it('a global setting is told to be none, unless it is as it is', async () => {
    await using app = await gateway();
    const set = (payload: object) => app.http.inject({ method: 'POST', url: '/sdapi/v1/options', payload });
    expect((await set({ sd_model_checkpoint: 'tiny', sd_vae: 'Automatic' })).statusCode).toBe(200);
    expect((await set({ sd_model_checkpoint: 'other' })).json().error).toBe('UNKNOWN_MODEL');
    expect((await set({ CLIP_stop_at_last_layers: 2 })).json().error).toBe('UNSUPPORTED_OPTION');
  });
});
