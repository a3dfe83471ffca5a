import { describe, expect, it } from 'vitest';
import { timeShares } from '#shared/telemetry/time-shares.ts';
import { whySlow } from '#shared/telemetry/why-slow.ts';
import { type SpanPlan, traceOf } from './trace-builder.ts';

const run = (service: string, network: string, from: number, to: number, runMs = to - from): SpanPlan => ({
  name: `run ${network}`,
  in: service,
  from,
  to,
  attributes: { 'latentmesh.run_ms': runMs, 'latentmesh.device': 'cpu' },
});

/** A job from its queue to its end, with what happens inside the denoiser. */
const job = (options: { queuedUntil: number; end: number; inside: SpanPlan[] }): SpanPlan => ({
  name: 'job',
  from: options.queuedUntil,
  to: options.end,
  children: [
    { name: 'queued', from: 0, to: options.queuedUntil },
    {
      name: 'denoise',
      from: options.queuedUntil,
      to: options.end,
      children: [
        {
          name: 'call denoiser.denoise',
          from: options.queuedUntil,
          to: options.end,
          children: [
            {
              name: 'denoiser.denoise',
              in: 'denoiser',
              from: options.queuedUntil,
              to: options.end,
              children: options.inside,
            },
          ],
        },
      ],
    },
  ],
});

const step = (from: number, to: number, children: SpanPlan[]): SpanPlan => ({ name: 'step', from, to, children });

const ms = (...plans: SpanPlan[]): Record<string, number> =>
  Object.fromEntries(timeShares(traceOf(...plans)).shares.map((one) => [one.cause, Math.round(one.ms)]));

describe('why slow — every moment has one cause', () => {
  it('a job that waited in the queue, then computed', () => {
    const inside = [step(600, 1000, [run('denoiser', 'unet.down', 610, 1000)])];
    expect(ms(job({ queuedUntil: 600, end: 1000, inside }))).toEqual({ queue: 600, compute: 390, mesh: 10 });
  });

  it('a denoiser that others use: until the first step it was not the job’s turn', () => {
    const inside = [step(500, 800, [run('denoiser', 'unet.down', 500, 800)])];
    expect(ms(job({ queuedUntil: 10, end: 800, inside }))).toEqual({ queue: 10, turn: 490, compute: 300 });
  });

  it('a ControlNet costs what it takes longer than the UNet beside it; its way back is a transfer', () => {
    const call: SpanPlan = {
      name: 'call controlnet.step',
      from: 0,
      to: 200,
      attributes: { 'latentmesh.route': 'tcp', 'latentmesh.transfer_ms': 30 },
      children: [
        {
          name: 'controlnet.step',
          in: 'controlnet',
          from: 0,
          to: 170,
          children: [run('controlnet', 'controlnet.step', 0, 170)],
        },
      ],
    };
    const inside = [step(0, 300, [run('denoiser', 'unet.down', 0, 100), call, run('denoiser', 'unet.up', 200, 300)])];
    expect(ms(job({ queuedUntil: 0, end: 300, inside }))).toEqual({ compute: 200, controlnet: 70, transfer: 30 });
  });

  it('a ControlNet that has to be loaded, and one that another job keeps busy', () => {
    const open: SpanPlan = {
      name: 'call controlnet.open',
      from: 0,
      to: 500,
      children: [
        {
          name: 'controlnet.open',
          in: 'controlnet',
          from: 0,
          to: 500,
          children: [{ name: 'controlnet.load', from: 0, to: 400 }, run('controlnet', 'controlnet.hint', 400, 500, 20)],
        },
      ],
    };
    expect(ms(job({ queuedUntil: 0, end: 500, inside: [step(0, 500, [open])] }))).toEqual({
      'controlnet load': 400,
      'controlnet wait': 80,
      controlnet: 20,
    });
  });

  it('a cold LoRA is what the first step waits for, not what is multiplied beside steps', () => {
    const enter: SpanPlan = { name: 'lora.enter', from: 0, to: 250 };
    const resident = (to: number): SpanPlan => ({ name: 'lora.resident', from: 0, to });
    const exact = [resident(250), enter, step(250, 400, [run('denoiser', 'unet.down', 250, 400)])];
    expect(ms(job({ queuedUntil: 0, end: 400, inside: exact }))).toEqual({ lora: 250, compute: 150 });
    const beside = [resident(250), step(0, 400, [run('denoiser', 'unet.down', 0, 400)])];
    expect(ms(job({ queuedUntil: 0, end: 400, inside: beside }))).toEqual({ compute: 400 });
  });

  it('what an instance had done when it was lost', () => {
    const lost: SpanPlan = {
      name: 'call denoiser.denoise',
      from: 0,
      to: 300,
      attributes: { 'error.type': 'ACTOR_LOST' },
      children: [step(0, 290, [run('denoiser', 'unet.down', 0, 290)])],
    };
    const again: SpanPlan = {
      name: 'step',
      in: 'denoiser',
      from: 300,
      to: 500,
      children: [run('denoiser', 'unet.down', 300, 500)],
    };
    expect(ms({ name: 'job', from: 0, to: 500, children: [lost, again] })).toEqual({ lost: 300, compute: 200 });
  });

  it('a device that others use; what is tidied up after the job counts for nobody', () => {
    const decode: SpanPlan = { name: 'decode', from: 0, to: 100, children: [run('vae', 'vae.decode', 0, 100, 40)] };
    const after: SpanPlan = { name: 'call controlnet.close', from: 100, to: 900 };
    expect(ms({ name: 'job', from: 0, to: 100, children: [decode, after] })).toEqual({ device: 60, compute: 40 });
  });
});

describe('why slow — in words', () => {
  it('the parts by size, and what helps against the largest', () => {
    const inside = [step(3000, 4200, [run('denoiser', 'unet.down', 3000, 4200)])];
    expect(whySlow(traceOf(job({ queuedUntil: 3000, end: 4200, inside })))?.text).toBe(
      'Of 4.20 s, 71 % was waiting in the queue and 29 % was computing. ' +
        'What would help most: more denoisers (`--replicas denoiser=N`), or a higher priority.',
    );
  });

  it('the parts of any trace add up to the whole', () => {
    const inside = [step(130, 700, [run('denoiser', 'unet.down', 200, 650, 333)])];
    const why = whySlow(traceOf(job({ queuedUntil: 120, end: 777, inside })))!;
    expect(why.shares.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(why.totalMs, 6);
    expect(why.shares.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
  });

  it('a trace that is gone has no answer', () => {
    expect(whySlow([])).toBeUndefined();
  });
});
