/** Prompts in A1111's syntax, through the actors: embeddings, and a run whose prompt and guidance change in mid-run. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as denoiser from '#shared/contracts/denoiser.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import { f32, pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { editedPrompts } from '../../../services/gateway/edited-prompts.ts';
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';
import { InProcessMesh } from './in-process-mesh.ts';

interface Recorded {
  readonly cases: readonly { readonly case: string; readonly prompt: string; readonly clip_skip: number }[];
  readonly negative_of_run: string;
}

const { cases, negative_of_run } = JSON.parse(readFileSync(goldenPath('prompts', 'cases.json'), 'utf8')) as Recorded;
const SIDE = 64;
const STEPS = 6;
/** That of the text encoder; a weighted chunk is scaled by a quotient of two small means. */
const EMBEDS_TOLERANCE = 1e-4;
const LATENTS_TOLERANCE = 1e-4;

let mesh: InProcessMesh;
let numbers: TensorMap;

beforeAll(async () => {
  const started = InProcessMesh.start(goldenPath('sd15'), goldenPath('lora'));
  [mesh, numbers] = await Promise.all([started, loadSafetensors(goldenPath('prompts', 'numbers.safetensors'))]);
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

function options(): { deadlineUnixMs: number; signal: AbortSignal } {
  return { deadlineUnixMs: Date.now() + 60_000, signal: new AbortController().signal };
}

type Prompts = Pick<textEncoder.EncodeRequest, 'prompts' | 'negative_prompts'> & Partial<textEncoder.EncodeRequest>;

async function encode(prompts: Prompts): Promise<TensorMap> {
  const request = { clip_skip: 1, loras: [], prompt_syntax: 'a1111' as const, ...prompts };
  return (await mesh.mesh.call(textEncoder.encode, request, {}, options())).tensors;
}

describe('prompts — embeddings in A1111’s arithmetic', () => {
  it.each(cases)('$case', async ({ case: name, prompt, clip_skip }) => {
    const tensors = await encode({ prompts: [prompt], negative_prompts: [prompt], clip_skip });
    const want = numbers[`embeds/${name}`]!;
    expectClose(name, tensors.prompt_embeds!, want, EMBEDS_TOLERANCE);
    expect(tensors.negative_prompt_embeds).toEqual(tensors.prompt_embeds);
  });

  it('of a batch have one length: the last token of a shorter prompt is repeated', async () => {
    const { prompt_embeds } = await encode({ prompts: [negative_of_run, 'a photo of a cat'], negative_prompts: null });
    const [batch, tokens, width] = prompt_embeds!.shape as [number, number, number];
    expect([batch, tokens]).toEqual([2, 154]);
    const short = (prompt_embeds!.data as Float32Array).slice(tokens * width);
    expectClose('its own', f32([1, 77, width], short.slice(0, 77 * width)), numbers['embeds/plain']!, EMBEDS_TOLERANCE);
    for (let token = 77; token < tokens; token++) {
      expect(short.slice(token * width, (token + 1) * width)).toEqual(short.slice(76 * width, 77 * width));
    }
  });

  it('are filled up to a length with empty chunks', async () => {
    const { prompt_embeds } = await encode({ prompts: ['a photo of a cat'], negative_prompts: null, min_chunks: 2 });
    const width = prompt_embeds!.shape[2]!;
    const second = (prompt_embeds!.data as Float32Array).slice(77 * width);
    expectClose('second chunk', f32([1, 77, width], second), numbers['embeds/empty']!, EMBEDS_TOLERANCE);
  });

  it('weights and all are text where the syntax is plain', async () => {
    const prompts = ['a (red:1.3) boat'];
    const plain = await encode({ prompts, negative_prompts: null, prompt_syntax: 'plain' });
    expect(plain.prompt_embeds).not.toEqual((await encode({ prompts, negative_prompts: null })).prompt_embeds);
  });
});

describe('prompts — in mid-run', () => {
  it('change, beside a longer negative prompt, with rescaled guidance in a part of the steps', async () => {
    const prompts = ['a [cat:dog:2] [in|by] the sea'];
    const { sets, calls } = editedPrompts({ prompts, negative_prompts: [negative_of_run] }, [{ steps: STEPS }])!;
    expect(sets.length).toBe(4);
    const encoded = await Promise.all(sets.map(encode));
    const tensors = Object.fromEntries(
      encoded.flatMap((one, i) => Object.entries(one).map(([name, value]) => [i === 0 ? name : `${name}_${i}`, value])),
    );
    const request = {
      ...{ job: 'edited', height: SIDE, width: SIDE, steps: STEPS, sampler: 'Euler', seeds: [3] },
      ...{ guidance_scale: 7.5, guidance_rescale: 0.7, guidance_start: 0.1, guidance_end: 0.9 },
      ...{ conditionings: calls, guess_mode: false, controlnets: [], loras: [], lora_start: 'exact' as const },
    };
    const reply = await mesh.mesh.call(denoiser.denoise, request, tensors, options());
    const want = pick(numbers, 'run', 'f32');
    const size = want.data.length / STEPS;
    for (const [i, { latents }] of mesh.steps.entries()) {
      const recorded = f32([1, 4, 8, 8], want.data.slice(i * size, (i + 1) * size));
      expectClose(`latents of step ${i + 1}`, f32([1, 4, 8, 8], latents), recorded, LATENTS_TOLERANCE);
    }
    expect(pick(reply.tensors, 'latents', 'f32').data).toEqual(mesh.steps.at(-1)!.latents);
  });
});
