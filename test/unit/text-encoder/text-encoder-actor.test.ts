import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline, type TextEncoderPart } from '#shared/checkpoint/pipeline.ts';
import type { RequestOf } from '#shared/contracts/operation.ts';
import type * as contract from '#shared/contracts/text-encoder.ts';
import type { Device } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { smallMesh } from '#test/unit/placement/small-mesh.ts';
import { TextEncoder } from '../../../services/text-encoder/text-encoder.ts';
import { TextEncoderActor } from '../../../services/text-encoder/text-encoder-actor.ts';
import { TextEncoders } from '../../../services/text-encoder/text-encoders.ts';
import { loadTokenizer } from '../../../services/text-encoder/tokenizer-files.ts';

const MODEL = fileURLToPath(new URL('../../golden/data/sd15', import.meta.url));

let device: Device;
let encoder: TextEncoder;
let encoders: TextEncoders;

beforeAll(async () => {
  const pipeline = await openPipeline(MODEL);
  device = await openDevice({ device: 'cpu', threads: 1 });
  const [part] = pipeline.textEncoders as [TextEncoderPart];
  encoder = await TextEncoder.load(device, part, pipeline.family);
  const loras = new LoraWeights({ mesh: smallMesh().client, part: 'text_encoder', base: encoder.base, maxBytes: 1000 });
  const tokenizer = await loadTokenizer(part.tokenizerFolder, part.config);
  encoders = new TextEncoders([{ encoder, tokenizer, loras }]);
});

afterAll(() => device.close());

function encode(actor: TextEncoderActor, more: Partial<RequestOf<typeof contract.encode>>) {
  const defaults = { prompt_syntax: 'plain' as const, min_chunks: 1, negative_min_chunks: 1 };
  const body = { prompts: ['a cat'], negative_prompts: null, clip_skip: 1, loras: [], ...defaults, ...more };
  return actor.encode({ body, tensors: {}, deadlineUnixMs: Date.now() + 10_000 }, new AbortController().signal);
}

/** The embeddings of one prompt, out of a batch. */
function rowOf(tensors: Awaited<ReturnType<typeof encode>>['tensors'], name: string, row: number): Float32Array {
  const { data, shape } = tensors![name]!;
  const length = shape[1]! * shape[2]!;
  return (data as Float32Array).slice(row * length, (row + 1) * length);
}

describe('text encoder actor — prompts', () => {
  it('of a batch are encoded each by itself, negative ones beside them', async () => {
    const actor = new TextEncoderActor(encoders);
    const { body, tensors } = await encode(actor, { prompts: ['a cat', 'a dog'], negative_prompts: ['', 'a cat'] });
    const width = tensors!.prompt_embeds!.shape[2];
    expect(tensors!.prompt_embeds!.shape).toEqual([2, 77, width]);
    expect(tensors!.negative_prompt_embeds!.shape).toEqual([2, 77, width]);
    expect(rowOf(tensors, 'negative_prompt_embeds', 1)).toEqual(rowOf(tensors, 'prompt_embeds', 0));
    expect(rowOf(tensors, 'prompt_embeds', 1)).not.toEqual(rowOf(tensors, 'prompt_embeds', 0));
    expect(body).toEqual({ truncated: [], cached: false });
  });

  it('without guidance have no negative ones', async () => {
    const { tensors } = await encode(new TextEncoderActor(encoders), {});
    expect(Object.keys(tensors!)).toEqual(['prompt_embeds']);
  });

  it('are remembered, and come out the same', async () => {
    const actor = new TextEncoderActor(encoders);
    const first = await encode(actor, { negative_prompts: [''] });
    (first.tensors!.prompt_embeds!.data as Float32Array).fill(0); // a caller may do what it likes with its copy
    const again = await encode(actor, { negative_prompts: [''] });
    expect([first.body.cached, again.body.cached]).toEqual([false, true]);
    const fresh = await encode(new TextEncoderActor(encoders), {});
    expect(again.tensors!.prompt_embeds!.data).toEqual(fresh.tensors!.prompt_embeds!.data);
    expect((await encode(actor, { prompts: ['a cat', 'a dog'] })).body.cached).toBe(false);
  });

  it('too long for the encoder are cut, and what was cut is told', async () => {
    const long = `a cat ${'very '.repeat(100)}`;
    const { body } = await encode(new TextEncoderActor(encoders), {
      prompts: ['a cat', long],
      negative_prompts: ['', ''],
    });
    expect(body.truncated).toEqual([{ field: 'prompt', index: 1, text: expect.stringMatching(/very$/) }]);
  });
});

describe('text encoder actor — clip skip', () => {
  it('changes the prompt, not the negative prompt, and what is remembered of either', async () => {
    const actor = new TextEncoderActor(encoders);
    const plain = await encode(actor, { negative_prompts: ['a cat'] });
    const skipped = await encode(actor, { negative_prompts: ['a cat'], clip_skip: 2 });
    expect(skipped.tensors!.prompt_embeds!.data).not.toEqual(plain.tensors!.prompt_embeds!.data);
    expect(skipped.tensors!.negative_prompt_embeds!.data).toEqual(plain.tensors!.negative_prompt_embeds!.data);
  });

  it('that leaves no layer is refused', async () => {
    const { maxClipSkip: layers } = encoder;
    expect((await encode(new TextEncoderActor(encoders), { clip_skip: layers })).body.cached).toBe(false);
    const error = await failure(encode(new TextEncoderActor(encoders), { clip_skip: layers + 1 }));
    expect(error).toMatchObject({ code: 'UNSUPPORTED_OPTION', details: { path: 'clip_skip', max: layers } });
  });
});
