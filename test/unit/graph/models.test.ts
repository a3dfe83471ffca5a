import { describe, expect, it } from 'vitest';
import { CONSTANT } from '#shared/graph/builder.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import { clipText } from '#shared/graph/models/clip-text.ts';
import { controlnetHint, controlnetStep } from '#shared/graph/models/controlnet.ts';
import { residualShapes } from '#shared/graph/models/residuals.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { vaeDecode, vaeEncode } from '#shared/graph/models/vae.ts';
import { elementCount } from '#shared/tensor/tensor.ts';
import type { Weight, WeightSource } from '#shared/tensor/weight.ts';
import { decodeModel } from './decode-model.ts';
import { AnyWeights } from './memory-weights.ts';
import { CLIP_TEXT, CONTROLNET, SIZE, UNET, VAE } from './stable-diffusion-15.ts';

type Build = (source: WeightSource) => GraphModel[];

const unet: Build = (source) => [
  unetDown(UNET, source, SIZE),
  unetUp(UNET, source, SIZE, { hasResiduals: false }),
  unetUp(UNET, source, SIZE, { hasResiduals: true }),
];
const controlnet: Build = (source) => [
  controlnetHint(CONTROLNET, source, SIZE),
  controlnetStep(CONTROLNET, source, SIZE),
];
const vae: Build = (source) => [vaeDecode(VAE, source, SIZE), vaeEncode(VAE, source, SIZE)];
const clip: Build = (source) => [clipText(CLIP_TEXT, source, SIZE, { hasPooled: true })];

const NETWORKS = [
  { name: 'UNet', build: unet, weights: 686, parameters: 859_520_964 },
  { name: 'ControlNet', build: controlnet, weights: 340, parameters: 361_279_120 },
  { name: 'VAE', build: vae, weights: 248, parameters: 83_653_863 },
  { name: 'text encoder', build: clip, weights: 196, parameters: 123_060_480 },
];

/** Norms and embeddings: what no LoRA changes. */
const NOT_ADAPTABLE = /norm(?:\d|_out)?\.|embeddings\./;

function isAdaptable({ name }: Weight): boolean {
  return name.endsWith('.weight') && !NOT_ADAPTABLE.test(name);
}

describe.each(NETWORKS)('$name of Stable Diffusion 1.5 — its graphs', ({ build, weights, parameters }) => {
  it('take as many weights and parameters as the published model has', () => {
    const source = new AnyWeights('f16');
    build(source);
    expect(source.asked.size).toBe(weights);
    expect([...source.asked.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(parameters);
  });

  it('are under 2 MB each', () => {
    for (const { bytes } of build(new AnyWeights('f16'))) expect(bytes.length).toBeLessThan(2e6);
  });

  it('declare in the model what they list as ports', () => {
    for (const model of build(new AnyWeights())) {
      const decoded = decodeModel(model.bytes);
      const fed = model.fedWeights.map(({ input, shape }) => [input, shape]);
      const ports = model.inputs.map(({ name, shape }) => [name, shape]);
      expect(decoded.inputs).toEqual(Object.fromEntries([...ports, ...fed]));
      expect(decoded.outputs).toEqual(Object.fromEntries(model.outputs.map(({ name, shape }) => [name, shape])));
    }
  });
});

describe('graphs — weights that a LoRA may change', () => {
  it.each([NETWORKS[0]!, NETWORKS[1]!, NETWORKS[3]!])('are all fed, and no others: $name', ({ build }) => {
    const source = new AnyWeights();
    const fed = new Set(build(source).flatMap(({ fedWeights }) => fedWeights.map(({ weight }) => weight.name)));
    const expected = [...source.asked.values()].filter(isAdaptable).map(({ name }) => name);
    expect([...fed].sort()).toEqual(expected.sort());
  });

  it('are constants in the VAE, which nothing patches', () => {
    for (const { fedWeights } of vae(new AnyWeights())) expect(fedWeights).toEqual([]);
  });

  it('enter as two row-halves where one weight is two products', () => {
    const { fedWeights } = unetDown(UNET, new AnyWeights(), SIZE);
    const name = 'down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj.weight';
    const halves = fedWeights.filter(({ weight }) => weight.name === name);
    expect(halves.map(({ rows, shape }) => ({ rows, shape }))).toEqual([
      { rows: [0, 1280], shape: [1280, 320] },
      { rows: [1280, 2560], shape: [1280, 320] },
    ]);
  });
});

describe('graphs — side branches beside constants', () => {
  const RANK = 16;
  const built = (hasKernels: boolean): GraphModel[] => {
    const variant = { weightMode: CONSTANT, branches: { rank: RANK, hasKernels } };
    return [unetDown(UNET, new AnyWeights(), SIZE, variant), clipText(CLIP_TEXT, new AnyWeights(), SIZE, variant)];
  };
  const factorsOf = (models: GraphModel[]) => models.flatMap(({ fedFactors = [] }) => fedFactors);
  const weightsOf = (models: GraphModel[]) =>
    new Set(factorsOf(models).map(({ factor }) => factor.replace(/\.(?:up|down)$/, '')));

  it('stand at every weight that a LoRA may change, whose own values are not fed', () => {
    const fed = [unetDown(UNET, new AnyWeights(), SIZE), clipText(CLIP_TEXT, new AnyWeights(), SIZE)];
    const adaptable = new Set(fed.flatMap(({ fedWeights }) => fedWeights.map(({ weight }) => weight.name)));
    expect(weightsOf(built(true))).toEqual(adaptable);
    expect(built(true).flatMap(({ fedWeights }) => fedWeights)).toEqual([]);
  });

  it('leave wide convolutions out where no LoRA changes one', () => {
    const shapes = factorsOf(built(false)).map(({ shape }) => shape.slice(2));
    expect(shapes.every((kernel) => kernel.every((size) => size === 1))).toBe(true);
    expect(weightsOf(built(false)).has('down_blocks.0.attentions.0.proj_in.weight')).toBe(true);
    expect(weightsOf(built(false)).has('down_blocks.0.resnets.0.conv1.weight')).toBe(false);
  });

  it('are two where one weight is two products: one down, and the rows of up', () => {
    const name = 'down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj.weight';
    const factors = factorsOf(built(false)).filter(({ factor }) => factor.startsWith(name));
    expect(factors.map(({ factor, rows, shape }) => [factor.slice(name.length), rows, shape])).toEqual([
      ['.down', undefined, [RANK, 320]],
      ['.up', [0, 1280], [1280, RANK]],
      ['.up', [1280, 2560], [1280, RANK]],
    ]);
  });
});

describe('graphs — a checkpoint that does not fit', () => {
  it('fails at the weight that is missing, by its full path', () => {
    const missing = 'up_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k.weight';
    const source = new AnyWeights('f16', (name) => name === missing);
    expect(() => unetUp(UNET, source, SIZE, { hasResiduals: false })).toThrowError(
      expect.objectContaining({ code: 'WEIGHT_MISSING', details: { name: missing } }),
    );
  });

  it('fails at the layer whose width does not divide, by its path', () => {
    const config = { ...UNET, heads: [8, 8, 7, 8] };
    expect(() => unetDown(config, new AnyWeights(), SIZE)).toThrowError(
      expect.objectContaining({
        code: 'WRONG_SHAPE',
        details: expect.objectContaining({ path: 'down_blocks.2.attentions.0.transformer_blocks.0.attn1' }),
      }),
    );
  });
});

describe('residuals — their shapes', () => {
  it('are the thirteen of Stable Diffusion 1.5', () => {
    const { skips, mid } = residualShapes(UNET, SIZE);
    expect(skips.map((shape) => shape.slice(1).join('x'))).toEqual([
      ...['320x64x64', '320x64x64', '320x64x64', '320x32x32'],
      ...['640x32x32', '640x32x32', '640x16x16'],
      ...['1280x16x16', '1280x16x16', '1280x8x8'],
      ...['1280x8x8', '1280x8x8'],
    ]);
    expect(mid).toEqual([2, 1280, 8, 8]);
  });

  it.each([
    [64, 64],
    [65, 33],
    [1, 9],
  ])('are those that both networks put out at %d × %d', (height, width) => {
    const size = { ...SIZE, height, width };
    const { skips, mid } = residualShapes(UNET, size);
    const shapesOf = (model: GraphModel) => model.outputs.map(({ shape }) => shape);
    expect(shapesOf(controlnetStep(CONTROLNET, new AnyWeights(), size))).toEqual([...skips, mid]);
    expect(shapesOf(unetDown(UNET, new AnyWeights(), size)).slice(0, -1)).toEqual([...skips, mid]);
  });
});
