/** `npm start` with a checkpoint that is wrong: one line that says what is, status 1, and nothing is left running. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors, readTensors } from '#shared/checkpoint/safetensors.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { f32, type TensorMap } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { REFERENCE_MODEL } from './mesh-kit.ts';
import { startNats, type TestNats } from './nats-kit.ts';

const MAIN = join(import.meta.dirname, '../../infra/mesh/main.ts');
const WEIGHTS = 'diffusion_pytorch_model.safetensors';

const folder = await temporaryFolder();
let nats: TestNats;
let variants = 0;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats?.[Symbol.asyncDispose]());

type Change = (model: string) => Promise<void>;

describe('npm start — a checkpoint with a wrong configuration', () => {
  it.each<[string, Change, RegExp]>([
    ['no folder', (model) => rm(model, { recursive: true }), /FILE_UNREADABLE: \/.* is no checkpoint: .*model_index/],
    ['an index that is no JSON', write('model_index.json', '<html>'), /CONFIG_INVALID: .*model_index\.json is no JSON/],
    [
      'the index of Stable Diffusion 3',
      change('model_index.json', { _class_name: 'StableDiffusion3Pipeline' }),
      /CONFIG_UNSUPPORTED: .*StableDiffusion3Pipeline" \(Stable Diffusion 3, a transformer\), which cannot be served/,
    ],
    [
      'a part of another class',
      change('model_index.json', { unet: ['diffusers', 'FluxTransformer'] }),
      /unet is of class "FluxT/,
    ],
    [
      'the UNet of Stable Diffusion XL',
      change('unet/config.json', {
        addition_embed_type: 'text_time',
        addition_time_embed_dim: 256,
        projection_class_embeddings_input_dim: 2816,
      }),
      /CONFIG_INVALID: .* takes a pooled text, which only SDXL has/,
    ],
    [
      'a VAE for a UNet',
      change('unet/config.json', { _class_name: 'AutoencoderKL' }),
      /is of class "AutoencoderKL", UNet2D/,
    ],
    ['parts of two models', change('unet/config.json', { cross_attention_dim: 768 }), /gives 32 numbers per token/],
    [
      'no scheduler',
      (model) => rm(join(model, 'scheduler'), { recursive: true }),
      /scheduler_config\.json does not exist/,
    ],
  ])('%s', async (_, wrong, line) => {
    expect(await start(await variant(wrong))).toEqual({ status: 1, stderr: oneLine(line) });
  });
});

describe('npm start — a checkpoint with wrong files', () => {
  const NAME = 'mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight';

  it.each<[string, Change, RegExp]>([
    ['a missing weight', rewrite('unet', ({ [NAME]: _, ...rest }) => rest), new RegExp(`WEIGHT_MISSING: .*${NAME}`)],
    [
      'a weight too many',
      rewrite('unet', (tensors) => ({ ...tensors, 'mid_block.extra.weight': f32([4]) })),
      /WEIGHT_UNEXPECTED: .*mid_block\.extra\.weight/,
    ],
    [
      'a weight of another shape',
      rewrite('unet', (tensors) => ({ ...tensors, [NAME]: f32([4, 4]) })),
      new RegExp(`WRONG_SHAPE: .*${NAME} is \\[4, 4\\], config\\.json asks for \\[48, 48\\]`),
    ],
    ['weights cut off', (model) => truncate(join(model, 'vae', WEIGHTS), 500_000), /SAFETENSORS_INVALID: .*cut off/],
    [
      'weights as a pickle only',
      async (model) => {
        await rm(join(model, 'vae', WEIGHTS));
        await writeFile(join(model, 'vae', 'diffusion_pytorch_model.bin'), 'pickle');
      },
      /FILE_UNREADABLE: .*vae holds its weights only as diffusion_pytorch_model\.bin.*save_pretrained/,
    ],
    [
      'no tokenizer',
      (model) => rm(join(model, 'tokenizer'), { recursive: true }),
      /FILE_UNREADABLE: .*tokenizer\/vocab\.json does not exist/,
    ],
  ])('%s', async (_, wrong, line) => {
    expect(await start(await variant(wrong))).toEqual({ status: 1, stderr: oneLine(line) });
  });
});

function oneLine(line: RegExp): unknown {
  return expect.stringMatching(new RegExp(`^error .*${line.source}.*\\n$`));
}

async function start(model: string): Promise<{ status: unknown; stderr: string }> {
  const stateFolder = `${model}-state`;
  const env = { ...process.env, NATS_URL: nats.url, LATENTMESH_STATE_DIR: stateFolder, NO_COLOR: '1' };
  const args = [MAIN, '--model', model, '--port', '0'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(await readdir(stateFolder)).not.toContain('mesh.json');
  // Said every ten seconds on a machine that has other things to do.
  return { status, stderr: stderr.replaceAll(/^Still starting: .*\n/gm, '') };
}

/** A copy of the reference checkpoint, to be changed. */
async function variant(wrong: Change): Promise<string> {
  const model = join(folder, `model-${variants++}`);
  for (const part of await readdir(REFERENCE_MODEL, { withFileTypes: true })) {
    const [from, to] = [join(REFERENCE_MODEL, part.name), join(model, part.name)];
    await mkdir(part.isDirectory() ? to : model, { recursive: true });
    const files = part.isDirectory() ? await readdir(from) : [''];
    await Promise.all(files.map((file) => copyFile(join(from, file), join(to, file))));
  }
  await wrong(model);
  return model;
}

function write(file: string, content: string): Change {
  return (model) => writeFile(join(model, file), content);
}

function change(file: string, fields: object): Change {
  return async (model) => {
    const path = join(model, file);
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...fields }));
  };
}

function rewrite(part: string, changed: (tensors: TensorMap) => TensorMap): Change {
  return async (model) => {
    const path = join(model, part, WEIGHTS);
    const file = await openSafetensors(path);
    const tensors = Object.fromEntries(await readTensors(file, file.tensors.keys()));
    await writeSafetensors(path, tensorsToWrite(changed(tensors)));
  };
}
