import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureDefaultCheckpoint } from '#infra/checkpoint/default-checkpoint.ts';
import { PROMPT_WORDS } from '#infra/checkpoint/prompt-words.ts';
import { openComponent } from '#shared/checkpoint/component.ts';
import { assertControlNetFits } from '#shared/checkpoint/controlnet-fit.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { loraBase } from '#shared/checkpoint/lora-base.ts';
import { planLora } from '#shared/checkpoint/lora-file.ts';
import { openPipeline, type Pipeline, type TextEncoderPart } from '#shared/checkpoint/pipeline.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import { parseControlNetConfig } from '#shared/checkpoint/unet-config.ts';
import { clipText } from '#shared/graph/models/clip-text.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { vaeDecode, vaeEncode } from '#shared/graph/models/vae.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { loadTokenizer } from '../../../../services/text-encoder/tokenizer-files.ts';

const cache = await temporaryFolder();
let folder: string;
let pipeline: Pipeline;

beforeAll(async () => {
  const [first, second] = await Promise.all([ensureDefaultCheckpoint(cache), ensureDefaultCheckpoint(cache)]);
  expect(second).toBe(first);
  folder = first;
  pipeline = await openPipeline(folder);
});

describe('default checkpoint — serves like any other', () => {
  it('default checkpoint — is made once, also for processes that come at once, and leaves nothing behind', async () => {
    expect(await ensureDefaultCheckpoint(cache)).toBe(folder);
    expect(await readdir(dirname(folder))).toHaveLength(1);
  });

  it('default checkpoint — has every weight of its networks and none besides', async () => {
    const size = { batch: 1, height: 16, width: 16, tokens: 77 };
    const [encoder] = pipeline.textEncoders as [TextEncoderPart];
    const text = (await openComponent(encoder.folder)).weights;
    clipText(encoder.config, text, { batch: 1 });
    const unet = (await openComponent(pipeline.folders.unet)).weights;
    unetDown(pipeline.unet, unet, size);
    unetUp(pipeline.unet, unet, size, { hasResiduals: true });
    const vae = (await openComponent(pipeline.folders.vae)).weights;
    vaeEncode(pipeline.vae, vae, size);
    vaeDecode(pipeline.vae, vae, size);
    for (const weights of [text, unet, vae]) expect(() => weights.assertAllUsed()).not.toThrow();
  });

  it('default checkpoint — has a ControlNet and two LoRAs that fit', async () => {
    const library = new Library(folder);
    const controlNets = await library.listControlNets();
    expect(controlNets.map(({ name }) => name)).toEqual(['edges']);
    const { config } = await openComponent(controlNets[0]!.path);
    assertControlNetFits('edges', parseControlNetConfig('config.json', config), pipeline.unet);

    const base = await loraBase(pipeline);
    const loras = await library.listLoras();
    expect(loras.map(({ name }) => name)).toEqual(['neon', 'sketch']);
    for (const { path } of loras) {
      const { modules } = await planLora(await openSafetensors(path), base);
      expect(new Set(modules.map(({ part }) => part))).toEqual(new Set(['unet', 'text_encoder']));
    }
  });

  it('default checkpoint — its words are one token each, and any other text still has tokens', async () => {
    const [{ tokenizerFolder, config }] = pipeline.textEncoders as [TextEncoderPart];
    const tokenizer = await loadTokenizer(tokenizerFolder, config);
    for (const word of PROMPT_WORDS) expect(tokenizer.encode(word).untruncatedLength, word).toBe(3);
    expect(tokenizer.encode('a red cat near a castle, at night').untruncatedLength).toBe(11);
    expect(tokenizer.encode('Überraschung 猫').truncatedText).toBe('');
  });

  it('default checkpoint — is small enough to be made on a first start', async () => {
    const sizes = await Promise.all(
      [pipeline.folders.unet, pipeline.folders.vae, join(folder, 'controlnets/edges')].map(async (part) => {
        const { tensors } = await openSafetensors(join(part, 'diffusion_pytorch_model.safetensors'));
        return [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
      }),
    );
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(30e6);
  });
});
