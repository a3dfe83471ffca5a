import { cp, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline, type TextEncoderPart } from '#shared/checkpoint/pipeline.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import type { RequestOf } from '#shared/contracts/operation.ts';
import type * as contract from '#shared/contracts/text-encoder.ts';
import type { Device } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32, pick, type Tensor } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { smallMesh } from '#test/unit/placement/small-mesh.ts';
import { EmbeddingLibrary } from '../../../services/text-encoder/embedding-library.ts';
import { LearnedTokens } from '../../../services/text-encoder/learned-tokens.ts';
import { TextEncoder } from '../../../services/text-encoder/text-encoder.ts';
import { TextEncoderActor } from '../../../services/text-encoder/text-encoder-actor.ts';
import { TextEncoders } from '../../../services/text-encoder/text-encoders.ts';
import { loadTokenizer } from '../../../services/text-encoder/tokenizer-files.ts';
import recorded from '../data/embeddings/cases.json' with { type: 'json' };
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';

const folder = await temporaryFolder();
const expected = await loadSafetensors(goldenPath('embeddings', 'expected.safetensors'));
let device: Device;
let actor: TextEncoderActor;

beforeAll(async () => {
  for (const name of ['moss-cat', 'blurp']) {
    await cp(goldenPath('embeddings', `${name}.safetensors`), join(folder, `${name}.safetensors`));
  }
  const pipeline = await openPipeline(goldenPath('sd15'));
  const [part] = pipeline.textEncoders as [TextEncoderPart];
  device = await openDevice({ device: 'cpu', threads: 1 });
  const encoder = await TextEncoder.load(device, part, pipeline.family);
  const loras = new LoraWeights({ mesh: smallMesh().client, part: 'text_encoder', base: encoder.base, maxBytes: 1000 });
  const plain = await loadTokenizer(part.tokenizerFolder, part.config);
  const words = new LearnedTokens(plain, { index: 0, vocabSize: part.config.vocabSize });
  const library = new EmbeddingLibrary([folder, join(folder, 'gone')], [part.config.hiddenSize]);
  actor = new TextEncoderActor(new TextEncoders([{ encoder, tokenizer: words.tokenizer, words, loras }], library));
});

afterAll(() => device.close());

async function embed(prompt: string, syntax: 'plain' | 'a1111' = 'plain'): Promise<Tensor<'f32'>> {
  const body: RequestOf<typeof contract.encode> = {
    prompts: [prompt],
    negative_prompts: null,
    clip_skip: 1,
    loras: [],
    prompt_syntax: syntax,
    min_chunks: 1,
    negative_min_chunks: 1,
  };
  const request = { body, tensors: {}, deadlineUnixMs: Date.now() + 10_000 };
  const { tensors } = await actor.encode(request, new AbortController().signal);
  return pick(tensors!, 'prompt_embeds', 'f32');
}

describe('textual inversion — words in prompts', () => {
  it.each(recorded.prompts.map((prompt, index) => ({ prompt, index })))(
    'embedding — $prompt',
    async ({ prompt, index }) => {
      expectClose(prompt, await embed(prompt), expected[String(index)]!, recorded.tolerance);
    },
  );

  it('embedding — in the web UI’s grammar too, with a weight or without', async () => {
    const want = expected['0']!;
    expectClose('unweighted', await embed(recorded.prompts[0]!, 'a1111'), want, recorded.tolerance);
    const weighted = await embed('a photo of (moss-cat:1.4) on a table, best', 'a1111');
    expect(weighted.shape).toEqual(want.shape);
    expect(weighted.data).not.toEqual(want.data);
  });

  it('embedding — a word longer than what is left of a chunk goes on in the next', async () => {
    const prompt = Array<string>(30).fill('moss-cat').join(' ');
    expect((await embed(prompt, 'a1111')).shape).toEqual([1, 2 * 77, 32]);
  });

  it('embedding — a file that is added, replaced or taken away counts from the next prompt on', async () => {
    const path = join(folder, 'zebra-hat.safetensors');
    const write = (value: number): Promise<void> =>
      writeSafetensors(path, tensorsToWrite({ emb_params: f32([2, 32], new Float32Array(64).fill(value)) }));
    const prompt = 'a zebra-hat';
    const before = await embed(prompt);
    await write(1);
    const first = await embed(prompt);
    await write(2);
    await utimes(path, 1, 1); // as if it had been written at another time
    const second = await embed(prompt);
    await rm(path);
    expect(first.data).not.toEqual(before.data);
    expect(second.data).not.toEqual(first.data);
    expect((await embed(prompt)).data).toEqual(before.data);
  });

  it('embedding — a file that cannot be used fails by its name, unless that is an ordinary word', async () => {
    const other = tensorsToWrite({ emb_params: f32([1, 768]) });
    for (const name of ['other-model', 'cat']) await writeSafetensors(join(folder, `${name}.safetensors`), other);
    await writeFile(join(folder, 'broken-file.safetensors'), 'x');
    await expect(embed('an other-model here')).rejects.toMatchObject({ code: 'EMBEDDING_MISMATCH' });
    await expect(embed('a broken-file')).rejects.toMatchObject({ code: 'SAFETENSORS_INVALID' });
    expectClose('cat', await embed(recorded.prompts[3]!), expected['3']!, recorded.tolerance);
  });
});
