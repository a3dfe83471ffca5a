import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Actor } from '#shared/actor/actor.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { openPipeline, type Pipeline } from '#shared/checkpoint/pipeline.ts';
import type * as contract from '#shared/contracts/controlnet.ts';
import type { RequestOf } from '#shared/contracts/operation.ts';
import type { Device } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { type ControlNetState, close, open, step } from '../../../services/controlnet/controlnet-actor.ts';
import { ResidentControlNets } from '../../../services/controlnet/resident.ts';

const MODEL = fileURLToPath(new URL('../../golden/data/sd15', import.meta.url));
const NOW = 1_700_000_000_000;
const SIDE = 64;

let pipeline: Pipeline;
let device: Device;
let nowMs = NOW;
let actor: ReturnType<typeof newActor>;

beforeAll(async () => {
  pipeline = await openPipeline(MODEL);
  device = await openDevice({ device: 'cpu', threads: 1 });
});

afterAll(() => device.close());

beforeEach(() => {
  nowMs = NOW;
  actor = newActor(2 ** 30);
});

function newActor(maxBytes: number) {
  const library = new Library(pipeline.folder);
  const resident = new ResidentControlNets({ device, library, unet: pipeline.unet, maxBytes });
  const kernel = new Actor<ControlNetState>(new Map());
  const parts = { device, resident, now: () => nowMs };
  const [offerOpen, offerStep, offerClose] = [kernel.on(open(parts)), kernel.on(step()), kernel.on(close(parts))];
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
      return offerOpen(request(body, { hint: hint(1), prompt_embeds: embeddings(2), ...tensors }), signal);
    },
    step: async (session: string, batch = 1): Promise<TensorMap> => {
      const { tensors = {} } = await offerStep(
        request({ session, timestep: 500 }, { latents: latents(batch) }),
        signal,
      );
      return tensors;
    },
    close: (session: string) => offerClose(request({ session }), signal),
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
    expect(actor.kernel.state.size).toBe(1);
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
    expect([...actor.kernel.state.keys()]).toEqual(['next']);
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
    expect(actor.kernel.state.size).toBe(0);
  });
});

describe('controlnet actor — memory', () => {
  it('holds what was asked for, and lets go of what was used longest ago', async () => {
    actor = newActor(1);
    await actor.open('a');
    expect(actor.resident.names).toEqual(['controlnet-a']);
    await actor.close('a');
    await actor.open('b', { controlnet: 'controlnet-b' });
    expect(actor.resident.names).toEqual(['controlnet-b']);
  });

  it('never lets go of one that a session uses', async () => {
    actor = newActor(1);
    await actor.open('a');
    await actor.open('b', { controlnet: 'controlnet-b' });
    expect(actor.resident.names.toSorted()).toEqual(['controlnet-a', 'controlnet-b']);
    expect(size(await actor.step('a'))).toBeGreaterThan(0);
  });
});
