/** CLIP's text model on one device: token ids become embeddings. One graph for every number of layers that runs. */
import { openComponent } from '#shared/checkpoint/component.ts';
import { clipText } from '#shared/graph/models/clip-text.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { Network } from '#shared/session/network.ts';
import type { ClipTextConfig } from '#shared/tensor/network-config.ts';
import { pick, type Tensor, tensor } from '#shared/tensor/tensor.ts';

interface ClipShape {
  readonly batch: number;
  /** Layers that run before the final norm: all, or fewer by clip skip. */
  readonly layers: number;
}

/** Graphs that stay compiled: clip skip 1 and 2 are what people use. */
const MAX_SHAPES = 3;

/** See the head of this file. */
export class TextEncoder {
  readonly base: WeightSet;
  readonly layers: number;
  readonly #network: Network<ClipShape>;

  private constructor(base: WeightSet, layers: number, network: Network<ClipShape>) {
    this.base = base;
    this.layers = layers;
    this.#network = network;
  }

  /** @throws MeshError when a weight is missing, extra or misshapen, with its full name */
  static async load(device: Device, folder: string, config: ClipTextConfig): Promise<TextEncoder> {
    const { weights: source } = await openComponent(folder);
    const whole = clipText(config, source, { batch: 1 });
    source.assertAllUsed();
    const fed = whole.fedWeights.map((input) => input.weight);
    const base = await device.loadWeights(source, fed, { isPatchable: true });
    const network = new Network<ClipShape>({
      device,
      build: ({ batch, layers }, variant) => clipText(config, source, { batch }, { layers, ...variant }),
      key: ({ batch, layers }) => `${batch}x${layers}`,
      maxShapes: MAX_SHAPES,
    });
    return new TextEncoder(base, config.layers, network);
  }

  /** Makes the first prompt as fast as later ones. */
  async warmUp(): Promise<void> {
    await this.#network.warmUp({ batch: 1, layers: this.layers }, this.base);
  }

  /**
   * Embeds one prompt.
   *
   * ids      i32 [T], T = 77
   * layers   layers to run; the final norm follows
   * returns  f32 [1, T, D]
   */
  async encode(ids: Int32Array, layers: number, weights: WeightSet, signal: AbortSignal): Promise<Tensor<'f32'>> {
    const input_ids = tensor('i32', [1, ids.length], ids.slice());
    const request = { feeds: { input_ids }, weights, outputs: ['last_hidden_state'] };
    const { outputs } = await this.#network.run({ batch: 1, layers }, request, signal);
    return pick(outputs, 'last_hidden_state', 'f32');
  }
}
