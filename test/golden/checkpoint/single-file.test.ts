import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openComponent } from '#shared/checkpoint/component.ts';
import type { JsonRecord } from '#shared/checkpoint/json-file.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import type { SafetensorsFile } from '#shared/checkpoint/safetensors.ts';
import { inferControlNet, inferUnet, inferVae } from '#shared/checkpoint/single-file/infer-config.ts';
import { indexOf, partsOf } from '#shared/checkpoint/single-file/parts.ts';
import { parseControlNetConfig, parseUnetConfig } from '#shared/checkpoint/unet-config.ts';
import { parseVaeConfig } from '#shared/checkpoint/vae-config.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { CONSTANT, FED, GraphBuilder } from '#shared/graph/builder.ts';
import { linear } from '#shared/graph/nn/linear.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { readWeights } from '#shared/session/worker/weight-reader.ts';
import { f32, type Shape, type TensorMap } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { LDM_NAMES, type TwinCheckpoint, writeTwins } from '#test/twin-checkpoint.ts';

const folder = await temporaryFolder();
let twins: TwinCheckpoint;

beforeAll(async () => {
  twins = await writeTwins(folder);
});

/** A file of which only names and shapes are looked at. */
function namesOnly(prefix: string, pairs: readonly (readonly [string, string, Shape])[]): SafetensorsFile {
  const tensors = pairs.map(([name, , shape]) => ({
    name: prefix + name,
    dtype: 'f16' as const,
    shape,
    offset: 0,
    length: 0,
  }));
  return { path: 'names.safetensors', metadata: {}, tensors: new Map(tensors.map((entry) => [entry.name, entry])) };
}

describe('single file — names and configurations of the published models', () => {
  const unets: readonly (readonly [string, number])[] = [
    ['sd1', 64],
    ['sd1-inpaint', 64],
    ['sd2', 96],
    ['sdxl', 128],
  ];

  it.each(unets)('single file — the UNet of %s', (name, sampleSize) => {
    const { config, pairs } = LDM_NAMES.models[name]!;
    const unet = partsOf(namesOnly('model.diffusion_model.', pairs)).get('unet')!;
    expect([...unet.tensors.keys()].sort()).toEqual(pairs.map(([, diffusers]) => diffusers).sort());
    const inferred = inferUnet(indexOf(unet), sampleSize);
    expect(parseUnetConfig('inferred', inferred)).toEqual(parseUnetConfig('recorded', config as JsonRecord));
  });

  it('single file — the VAE, alone in its file or not', () => {
    const { config, pairs } = LDM_NAMES.models.vae!;
    for (const prefix of ['first_stage_model.', '']) {
      const vae = partsOf(namesOnly(prefix, pairs)).get('vae')!;
      expect([...vae.tensors.keys()].sort()).toEqual(pairs.map(([, diffusers]) => diffusers).sort());
      expect(parseVaeConfig('', inferVae(indexOf(vae), 0.18215))).toEqual(parseVaeConfig('', config as JsonRecord));
    }
  });

  it('single file — the ControlNet, alone in its file or not', () => {
    const { config, pairs } = LDM_NAMES.models.controlnet!;
    for (const prefix of ['control_model.', '']) {
      const control = partsOf(namesOnly(prefix, pairs)).get('controlnet')!;
      expect([...control.tensors.keys()].sort()).toEqual(pairs.map(([, diffusers]) => diffusers).sort());
      expect(parseControlNetConfig('', inferControlNet(indexOf(control)))).toEqual(
        parseControlNetConfig('', config as JsonRecord),
      );
    }
  });
});

describe('single file — the same weights as the folder', () => {
  it.each(['unet', 'vae', 'text_encoder'] as const)('single file — %s', async (part) => {
    const inFolder = (await openComponent(join(twins.folder, part))).weights;
    const inFile = (await openComponent(join(twins.file, part))).weights;
    expect([...inFile.index.keys()].sort()).toEqual([...inFolder.index.keys()].sort());
    for (const [name, shape] of inFolder.index) {
      const [want, got] = [inFolder, inFile].map((source) => readWeights(source.folder, [source.get(name, shape)]));
      const [wanted, read] = [want, got].map((weights) => Buffer.from(weights!.get(name)!.buffer));
      expect(read!.equals(wanted!), name).toBe(true);
    }
  });

  it('single file — the same configurations, its own name, and the tokenizer that comes with the project', async () => {
    const [ofFolder, ofFile] = [await openPipeline(twins.folder), await openPipeline(twins.file)];
    for (const key of ['unet', 'vae'] as const) expect(ofFile[key]).toEqual(ofFolder[key]);
    expect(ofFile).toMatchObject({ name: 'twin', folder });
    expect(ofFile.scheduler).toMatchObject({ _class_name: 'PNDMScheduler', prediction_type: 'epsilon' });
  });

  it('single file — a VAE of its own file takes the place of the model’s', async () => {
    for (const model of [twins.folder, twins.file]) {
      const pipeline = await openPipeline(model, { vae: twins.vaeFile });
      expect(pipeline.folders.vae).toBe(twins.vaeFile);
      expect(pipeline.vae).toMatchObject({ scalingFactor: 0.18215, blockOutChannels: [32, 32, 64, 64] });
    }
    await expect(openPipeline(twins.folder, { vae: twins.file })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('a file with one network'),
    });
  });
});

describe('single file — a ControlNet in the library', () => {
  it('single file — is listed and opened by its name, beside folders', async () => {
    const library = new Library(twins.folder, { controlNetFolders: [join(folder, 'controlnets')] });
    await writeFile(join(folder, 'controlnets', 'notes.safetensors'), 'x');
    expect((await library.listControlNets()).map(({ name }) => name)).toEqual(['lines']);
    const only = new Library(folder, { controlNetFolders: [] });
    const { path } = await only.findControlNet('lines');
    const { weights, config } = await openComponent(path);
    const inFolder = await openComponent(join(twins.folder, 'controlnets', 'lines'));
    expect(path).toBe(twins.controlNetFile);
    expect(parseControlNetConfig('', config)).toEqual(parseControlNetConfig('', inFolder.config));
    expect([...weights.index].sort()).toEqual([...inFolder.weights.index].sort());
  });
});

describe('single file — OpenCLIP', () => {
  const width = 64;
  const counted = (shape: Shape): ReturnType<typeof f32> => {
    const made = f32(shape);
    for (let i = 0; i < made.data.length; i++) made.data[i] = i;
    return made;
  };
  const layer = (n: number): TensorMap => ({
    [`transformer.resblocks.${n}.ln_1.weight`]: f32([width]),
    [`transformer.resblocks.${n}.attn.in_proj_weight`]: counted([3 * width, width]),
    [`transformer.resblocks.${n}.attn.in_proj_bias`]: counted([3 * width]),
    [`transformer.resblocks.${n}.attn.out_proj.weight`]: f32([width, width]),
    [`transformer.resblocks.${n}.mlp.c_fc.weight`]: f32([4 * width, width]),
  });
  const model: TensorMap = {
    'token_embedding.weight': f32([10, width]),
    positional_embedding: f32([77, width]),
    'ln_final.bias': f32([width]),
    text_projection: counted([width, 48]),
    logit_scale: f32([]),
    ...layer(0),
    ...layer(1),
  };
  const under = (prefix: string): TensorMap =>
    Object.fromEntries(Object.entries(model).map(([name, value]) => [prefix + name, value]));

  it('single file — query, key and value are rows of one matrix, the projection is turned', async () => {
    const path = join(folder, 'xl-text.safetensors');
    await writeSafetensors(path, tensorsToWrite(under('conditioner.embedders.1.model.')));
    const { weights, config } = await openComponent(join(path, 'text_encoder_2'));
    expect(config).toMatchObject({
      architectures: ['CLIPTextModelWithProjection'],
      projection_dim: 48,
      hidden_act: 'gelu',
      num_hidden_layers: 2,
    });
    const attention = 'text_model.encoder.layers.1.self_attn';
    for (const [i, name] of ['q', 'k', 'v'].entries()) {
      const weight = weights.get(`${attention}.${name}_proj.weight`, [width, width]);
      const bias = weights.get(`${attention}.${name}_proj.bias`, [width]);
      const read = readWeights(weights.folder, [weight, bias]);
      expect(read.get(weight.name)![0]).toBe(i * width * width);
      expect(read.get(bias.name)!.at(-1)).toBe((i + 1) * width - 1);
    }
    const projection = weights.get('text_projection.weight', [48, width]);
    const turned = readWeights(weights.folder, [projection]).get(projection.name)!;
    expect([turned[0], turned[1], turned[width]]).toEqual([0, 48, 1]);
  });

  it('single file — the projection gives the same numbers fed and as a constant of the graph', async () => {
    const path = join(folder, 'xl-text.safetensors');
    const { weights } = await openComponent(join(path, 'text_encoder_2'));
    const device = await openDevice({ device: 'cpu', threads: 1 });
    try {
      const x = f32(
        [1, width],
        counted([1, width]).data.map((value) => value / width),
      );
      const rows: Float32Array[] = [];
      for (const weightMode of [FED, CONSTANT]) {
        const g = new GraphBuilder({ name: 'projection', source: weights, weightMode });
        g.output('y', linear(g, g.input('x', 'f32', [1, width]), 'text_projection', { features: 48, hasBias: false }));
        const model = g.build();
        const set = await device.loadWeights(
          weights,
          model.fedWeights.map((fed) => fed.weight),
        );
        const session = await device.open(model);
        const { outputs } = await session.run({
          feeds: { x: { ...x, data: x.data.slice() } },
          weights: set,
          outputs: ['y'],
        });
        rows.push(outputs.y!.data as Float32Array);
      }
      expect(rows[0]).toEqual(rows[1]);
      // Column 1 of the stored matrix is 1, 49, 97 …
      const want = x.data.reduce((sum, value, i) => sum + value * (48 * i + 1), 0);
      expect(rows[0]![1]! / want).toBeCloseTo(1, 5);
    } finally {
      await device.close();
    }
  });

  it('single file — Stable Diffusion 2 has the last layer but one, and no projection', async () => {
    const path = join(folder, 'sd2-text.safetensors');
    await writeSafetensors(path, tensorsToWrite(under('cond_stage_model.model.')));
    const { weights, config } = await openComponent(join(path, 'text_encoder'));
    expect(config).toMatchObject({ architectures: ['CLIPTextModel'], num_hidden_layers: 1 });
    expect(weights.has('text_model.encoder.layers.1.layer_norm1.weight')).toBe(false);
    expect(weights.has('text_projection.weight')).toBe(false);
  });
});

describe('single file — what is none', () => {
  const written = async (name: string, tensors: TensorMap): Promise<string> => {
    const path = join(folder, name);
    await writeSafetensors(path, tensorsToWrite(tensors));
    return path;
  };

  it.each<[string, TensorMap, string, string]>([
    ['a LoRA', { 'lora_unet_x.lora_down.weight': f32([1, 1]) }, 'CONFIG_INVALID', 'it is a LoRA'],
    ['anything', { something: f32([1]) }, 'CONFIG_INVALID', 'named as in none'],
    [
      'Stable Diffusion 3',
      { 'model.diffusion_model.joint_blocks.0.x': f32([1]) },
      'CONFIG_UNSUPPORTED',
      'Stable Diffusion 3',
    ],
    ['Flux', { 'double_blocks.0.img_attn.qkv.weight': f32([1]) }, 'CONFIG_UNSUPPORTED', 'Flux'],
    ['a VAE alone', { 'decoder.conv_in.weight': f32([1, 4, 3, 3]) }, 'CONFIG_INVALID', 'holds no UNet'],
  ])('single file — %s is named', async (what, tensors, code, says) => {
    const path = await written(`${what.replaceAll(' ', '-')}.safetensors`, tensors);
    await expect(openPipeline(path)).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
  });

  it.each([
    ['model.ckpt', 'weights_only=True'],
    ['model.bin', 'a pickle can run code'],
    ['model.gguf', 'GGUF'],
  ])('single file — %s is refused with what to do', async (name, says) => {
    const path = join(folder, name);
    await writeFile(path, 'x');
    await expect(openPipeline(path)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringContaining(says),
    });
  });

  it('single file — empty, cut off, or not there', async () => {
    await writeFile(join(folder, 'empty.safetensors'), '');
    await expect(openPipeline(join(folder, 'empty.safetensors'))).rejects.toMatchObject({
      code: 'SAFETENSORS_INVALID',
    });
    await expect(openPipeline(join(folder, 'gone.safetensors'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  it('single file — v-prediction, as headers, tensors and A1111’s YAML say it', async () => {
    const unet = Object.fromEntries(
      ['input_blocks.0.0.weight', 'input_blocks.3.0.op.weight'].map((name) => [
        `model.diffusion_model.${name}`,
        f32([4, 4]),
      ]),
    );
    const predicted = async (name: string, tensors: TensorMap, metadata = {}): Promise<unknown> => {
      const path = join(folder, name);
      await writeSafetensors(path, tensorsToWrite(tensors), metadata);
      const { openSingleFile } = await import('#shared/checkpoint/single-file/single-file.ts');
      return (await openSingleFile(path)).family?.scheduler.prediction_type;
    };
    expect(await predicted('plain.safetensors', unet)).toBe('epsilon');
    expect(await predicted('spec.safetensors', unet, { 'modelspec.prediction_type': 'v' })).toBe('v_prediction');
    expect(await predicted('key.safetensors', { ...unet, v_pred: f32([]) })).toBe('v_prediction');
    await writeFile(join(folder, 'yaml.yaml'), 'model:\n  target: ldm.Model\n  params:\n    parameterization: "v"\n');
    expect(await predicted('yaml.safetensors', unet)).toBe('v_prediction');
  });
});
