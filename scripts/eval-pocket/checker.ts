/** The network that reads a picture back into words, on the project's own graphs and device. The recipe trained it on renders alone. */
import { join } from 'node:path';
import { ComponentWeights } from '#shared/checkpoint/component-weights.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import { CONSTANT, GraphBuilder } from '#shared/graph/builder.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import { conv2d } from '#shared/graph/nn/conv.ts';
import { groupNorm } from '#shared/graph/nn/norm.ts';
import { gemm } from '#shared/graph/ops/dense.ts';
import { silu } from '#shared/graph/ops/elementwise.ts';
import { concat, split } from '#shared/graph/ops/layout.ts';
import type { Value } from '#shared/graph/value.ts';
import type { Picture } from '#shared/image/picture.ts';
import type { Device, Session, WeightSet } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32, pick } from '#shared/tensor/tensor.ts';
import type { WeightSource } from '#shared/tensor/weight.ts';
import { type Benchmark, FOLDER } from './benchmark.ts';
import { type Reading, toReading } from './reading.ts';

const SIDE = 128;
const NORM = { groups: 8, epsilon: 1e-5 };
/** Output channels, stride and dilation of the layers. */
const LAYERS = [
  [24, 1, 1],
  [48, 2, 1],
  [96, 2, 1],
  [96, 1, 1],
  [96, 1, 2],
] as const;

type Names = Benchmark['names'];

/** See the head of this file. */
export class Checker implements AsyncDisposable {
  readonly #names: Names;
  readonly #device: Device;
  readonly #session: Session;
  readonly #weights: WeightSet;

  private constructor(names: Names, parts: { device: Device; session: Session; weights: WeightSet }) {
    this.#names = names;
    this.#device = parts.device;
    this.#session = parts.session;
    this.#weights = parts.weights;
  }

  /** Opens the one beside the model. */
  static async open(names: Names): Promise<Checker> {
    const source = new ComponentWeights(FOLDER, FOLDER, [await openSafetensors(join(FOLDER, 'checker.safetensors'))]);
    const model = checkerGraph(source, names);
    source.assertAllUsed();
    const device = await openDevice({ device: 'cpu', threads: 1 });
    const [weights, session] = await Promise.all([device.loadWeights(source, []), device.open(model)]);
    return new Checker(names, { device, session, weights });
  }

  /** picture  u8 [128, 128, 3] */
  async read({ data }: Picture): Promise<Reading> {
    const planes = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) planes[(i % 3) * SIDE * SIDE + Math.floor(i / 3)] = data[i]! / 127.5 - 1;
    const feeds = { picture: f32([1, 3, SIDE, SIDE], planes) };
    const { outputs } = await this.#session.run({ feeds, weights: this.#weights, outputs: ['maps', 'whole'] });
    return toReading(this.#names, pick(outputs, 'maps', 'f32').data, pick(outputs, 'whole', 'f32').data);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#device.close();
  }
}

/**
 * picture  f32 [1, 3, 128, 128] in −1…1
 * returns  `maps` f32 [1, objects + colours + 2, 16, 16]; `whole` f32 [1, grounds + times + styles]
 */
function checkerGraph(source: WeightSource, names: Names): GraphModel {
  const g = new GraphBuilder({ name: 'checker', source, weightMode: CONSTANT });
  let hidden = halve(g, g.input('picture', 'f32', [1, 3, SIDE, SIDE]));
  for (const [i, [channels, stride, dilation]] of LAYERS.entries()) {
    g.scope(`body.${i}`, () => {
      const convolved = dilation > 1 ? dilated(g, hidden, dilation) : conv2d(g, hidden, '0', { channels, stride });
      hidden = silu(g, groupNorm(g, convolved, '1', NORM));
    });
  }
  const labels = names.objects.length + names.colours.length + 2;
  g.output('maps', conv2d(g, hidden, 'maps', { channels: labels, kernel: 1 }));
  const halves = concat(
    g,
    split(g, hidden, 2, 2).map((half) => average(g, half)),
    1,
  );
  const whole = names.grounds.length + names.times.length + names.styles.length;
  g.scope('whole', () =>
    g.output('whole', gemm(g, halves, g.weight('weight', [whole, halves.shape[1]!]), g.weight('bias', [whole]))),
  );
  return g.build();
}

function halve(g: GraphBuilder, x: Value): Value {
  const shape = [1, 3, x.shape[2]! / 2, x.shape[3]! / 2];
  return g.op(
    'AveragePool',
    [x],
    { dtype: 'f32', shape },
    { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } },
  );
}

/** A 3×3 convolution that keeps size and channels. */
function dilated(g: GraphBuilder, x: Value, dilation: number): Value {
  const channels = x.shape[1]!;
  return g.scope('0', () =>
    g.op('Conv', [x, g.weight('weight', [channels, channels, 3, 3]), g.weight('bias', [channels])], x, {
      kernel_shape: { ints: [3, 3] },
      dilations: { ints: [dilation, dilation] },
      pads: { ints: [dilation, dilation, dilation, dilation] },
    }),
  );
}

/** [1, C, H, W] → [1, C] */
function average(g: GraphBuilder, x: Value): Value {
  const axes = g.constant('i64', [2], [2, 3]);
  return g.op('ReduceMean', [x, axes], { dtype: 'f32', shape: x.shape.slice(0, 2) }, { keepdims: { int: 0 } });
}
