import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Library } from '#shared/checkpoint/library.ts';
import { openPipeline, type Pipeline } from '#shared/checkpoint/pipeline.ts';
import type * as contract from '#shared/contracts/controlnet.ts';
import type { RequestOf } from '#shared/contracts/operation.ts';
import type { Device } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { failure, gate } from '#test/contract/bus/harness.ts';
import { ControlNet } from '../../../services/controlnet/controlnet.ts';
import { ControlNetActor } from '../../../services/controlnet/controlnet-actor.ts';
import { ResidentControlNets } from '../../../services/controlnet/resident.ts';

const MODEL = fileURLToPath(new URL('../../golden/data/sd15', import.meta.url));
const NOW = 1_700_000_000_000;
const SIDE = 64;

let pipeline: Pipeline;
let device: Device;
/** Bytes of controlnet-a, the larger one of the two. */
let oneBytes: number;
let nowMs = NOW;
let actor: ReturnType<typeof newActor>;

beforeAll(async () => {
  pipeline = await openPipeline(MODEL);
  device = await openDevice({ device: 'cpu', threads: 1 });
  const library = new Library(pipeline.folder);
  oneBytes = await ControlNet.check(await library.findControlNet('controlnet-a'), pipeline.unet);
});

afterAll(() => device.close());

beforeEach(() => {
  nowMs = NOW;
  actor = newActor(2 ** 30);
});

function newActor(maxBytes: number, on: Device = device) {
  const library = new Library(pipeline.folder);
  const resident = new ResidentControlNets({ device: on, library, unet: pipeline.unet, maxBytes });
  const kernel = new ControlNetActor({ device: on, resident, now: () => nowMs });
  const request = <Body>(body: Body, tensors: TensorMap = {}) => ({ body, tensors, deadlineUnixMs: NOW + 60_000 });
  const { signal } = new AbortController();
  return {
    kernel,
    resident,
    open: (session: string, more: Partial<RequestOf<typeof contract.open>> = {}, tensors: TensorMap = {}) => {
      const body = {
        session,
        controlnet: 'controlnet-a',
        height: SIDE,
        width: SIDE,
        controlnet_conditioning_scale: 1,
        guess_mode: false,
        expires_unix_ms: NOW + 60_000,
        ...more,
      };
      return kernel.open(request(body, { hint: hint(1), prompt_embeds: embeddings(2), ...tensors }), signal);
    },
    step: async (session: string, batch = 1): Promise<TensorMap> => {
      const { tensors = {} } = await kernel.step(
        request({ session, timestep: 500 }, { latents: latents(batch) }),
        signal,
      );
      return tensors;
    },
    close: (session: string) => kernel.close(request({ session }), signal),
  };
}

function hint(pattern: number): Tensor<'u8'> {
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => (i % (6 + pattern) === 0 ? 255 : 0));
  return tensor('u8', [1, 3, SIDE, SIDE], data);
}

function embeddings(batch: number): Tensor<'f32'> {
  const width = pipeline.unet.crossAttentionDim;
  const data = Float32Array.from({ length: batch * 77 * width }, (_, i) => Math.sin(i));
  return f32([batch, 77, width], data);
}

function latents(batch: number): Tensor<'f32'> {
  const data = Float32Array.from({ length: batch * 4 * 8 * 8 }, (_, i) => Math.cos(i));
  return f32([batch, 4, 8, 8], data);
}

/** Sum of the absolute values of the middle residual. */
function size(residuals: TensorMap): number {
  return (residuals.residual_mid!.data as Float32Array).reduce((sum, value) => sum + Math.abs(value), 0);
}

describe('controlnet actor — sessions', () => {
  it('give residuals for both halves of guidance from the latents of one', async () => {
    const { body } = await actor.open('a');
    const residuals = await actor.step('a');
    expect(Object.keys(residuals)).toHaveLength(body.residuals + 1);
    expect(residuals.residual_mid!.shape[0]).toBe(2);
  });

  it('of several jobs stand side by side, each with a hint and a scale of its own', async () => {
    await actor.open('a');
    await actor.open('b', { controlnet_conditioning_scale: 0.5 });
    await actor.open('c', {}, { hint: hint(3) });
    const [a, b, c] = [await actor.step('a'), await actor.step('b'), await actor.step('c')];
    expect(size(b)).toBeCloseTo(size(a) / 2, 3);
    expect(size(c)).not.toBeCloseTo(size(a), 3);
    expect((await actor.step('a')).residual_mid!.data).toEqual(a.residual_mid!.data);
  });

  it('that are opened again are replaced', async () => {
    await actor.open('a');
    const before = size(await actor.step('a'));
    await actor.open('a', { controlnet_conditioning_scale: 2 });
    expect(size(await actor.step('a'))).toBeCloseTo(before * 2, 3);
    expect(actor.kernel.sessions).toEqual(['a']);
  });

  it('that are not open here are ACTOR_LOST, so that the denoiser opens them elsewhere', async () => {
    expect((await failure(actor.step('a'))).code).toBe('ACTOR_LOST');
    await actor.open('a');
    await actor.close('a');
    expect((await failure(actor.step('a'))).code).toBe('ACTOR_LOST');
  });

  it('may be closed twice', async () => {
    await actor.open('a');
    await actor.close('a');
    expect(await actor.close('a')).toEqual({ body: {} });
  });

  it('whose denoiser died go when the next one opens', async () => {
    await actor.open('dead');
    nowMs = NOW + 60_001;
    await actor.open('next', { expires_unix_ms: nowMs + 60_000 });
    expect(actor.kernel.sessions).toEqual(['next']);
  });

  it('refuse latents that do not fill them', async () => {
    await actor.open('a');
    expect((await failure(actor.step('a', 3))).code).toBe('WRONG_SHAPE');
    expect(size(await actor.step('a', 2))).toBeGreaterThan(0);
  });

  it.each<[string, object, TensorMap, string]>([
    ['a ControlNet that is not there', { controlnet: 'controlnet-x' }, {}, 'UNKNOWN_CONTROLNET'],
    ['a hint of another size', { height: 128 }, {}, 'WRONG_SHAPE'],
    ['embeddings that are missing', {}, { prompt_embeds: undefined as never }, 'WRONG_SHAPE'],
  ])('are not opened with %s', async (_, more, tensors, code) => {
    expect((await failure(actor.open('a', more, tensors))).code).toBe(code);
    expect(actor.kernel.sessions).toEqual([]);
  });
});

describe('controlnet actor — memory', () => {
  it('holds what was asked for, and lets go of what was used longest ago', async () => {
    actor = newActor(oneBytes);
    await actor.open('a');
    expect(actor.resident.describe()).toMatchObject({
      holds: ['controlnet-a'],
      resident_bytes: oneBytes,
      budget_bytes: oneBytes,
      load_ms: expect.any(Number),
    });
    await actor.close('a');
    await actor.open('b', { controlnet: 'controlnet-b' });
    expect(actor.resident.names).toEqual(['controlnet-b']);
  });

  it('two jobs that want the last place get it in turns, and each its own residuals', async () => {
    const [a, b] = ['a', 'b'].map((name) => ({ session: name, more: { controlnet: `controlnet-${name}` } }));
    for (const { session, more } of [a!, b!]) await actor.open(session, more);
    const alone = [size(await actor.step('a')), size(await actor.step('b'))];
    actor = newActor(oneBytes);
    await Promise.all([a!, b!].map(({ session, more }) => actor.open(session, more)));
    for (let i = 0; i < 2; i++) {
      const both = await Promise.all([actor.step('a'), actor.step('b')]);
      expect(both.map(size)).toEqual(alone);
      expect(actor.resident.names).toHaveLength(1);
    }
  });

  it('one that is larger than the budget is OUT_OF_MEMORY, with both numbers', async () => {
    actor = newActor(oneBytes - 1);
    expect(await failure(actor.open('a'))).toMatchObject({
      code: 'OUT_OF_MEMORY',
      details: { name: 'controlnet-a', sizeBytes: oneBytes, budgetBytes: oneBytes - 1 },
    });
  });
});

describe('controlnet actor — several jobs at once', () => {
  it('while one ControlNet is loaded the steps of others go on', async () => {
    const [loading, loaded] = [gate(), gate()];
    actor = newActor(
      2 ** 30,
      withLoads(async () => {
        if (actor.resident.names.length < 2) return;
        loading.open();
        await loaded.opened;
      }),
    );
    await actor.open('a');
    const cold = actor.open('b', { controlnet: 'controlnet-b' });
    await loading.opened;
    for (let i = 0; i < 3; i++) expect(size(await actor.step('a'))).toBeGreaterThan(0);
    expect([actor.kernel.sessions, actor.kernel.load]).toEqual([['a'], 2]);
    loaded.open();
    await cold;
    expect(actor.kernel.sessions).toEqual(['a', 'b']);
  });

  it('takes their steps in turns', async () => {
    await actor.open('a');
    await actor.open('b');
    const done: string[] = [];
    const job = async (session: string): Promise<void> => {
      for (let i = 0; i < 4; i++) {
        await actor.step(session);
        done.push(session);
      }
    };
    await Promise.all([job('a'), job('b')]);
    expect(done.join('')).toBe('abababab');
    expect(actor.kernel.turnMs).toBeGreaterThan(0);
  });
});

/** The device, whose loads wait for something first. */
function withLoads(before: () => Promise<void>): Device {
  return new Proxy(device, {
    get: (target, name) => {
      if (name !== 'loadWeights') return Reflect.get(target, name, target).bind?.(target) ?? Reflect.get(target, name);
      return async (...args: Parameters<Device['loadWeights']>) => {
        await before();
        return target.loadWeights(...args);
      };
    },
  });
}
