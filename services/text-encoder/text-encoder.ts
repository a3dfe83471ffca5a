/** One of CLIP's text models on a device: token ids become embeddings. One graph for every number of layers that runs. */
import { openComponent } from '#shared/checkpoint/component.ts';
import type { TextEncoderPart } from '#shared/checkpoint/pipeline.ts';
import type { Family } from '#shared/checkpoint/pipeline-class.ts';
import { clipText } from '#shared/graph/models/clip-text.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { Network } from '#shared/session/network.ts';
import { pick, type Tensor, tensor } from '#shared/tensor/tensor.ts';
import type { LearnedPrompt } from './learned-tokens.ts';

interface ClipShape {
  readonly batch: number;
  /** Layers that the embeddings come through: all, or fewer by clip skip. */
  readonly layers: number;
  /** With places for learned words. */
  readonly hasLearned: boolean;
}

/** Embeddings of a prompt. */
export interface Embedded {
  /** f32 [1, T, D] */
  readonly embeds: Tensor<'f32'>;
  /** f32 [1, P], of encoders with a projection. */
  readonly pooled?: Tensor<'f32'>;
}

/** How a family reads its text encoders. */
interface Reading {
  /** Layers at the end that nobody reads, without clip skip. */
  readonly unreadLayers: number;
  readonly isNormed: boolean;
}

/** SDXL reads what goes into the last layer, as it is. */
const READINGS: Readonly<Record<Family, Reading>> = {
  sd: { unreadLayers: 0, isNormed: true },
  sdxl: { unreadLayers: 1, isNormed: false },
};

/** Graphs that stay compiled: clip skip 1 and 2 are what people use, with learned words and without. */
const MAX_SHAPES = 4;

/** See the head of this file. */
export class TextEncoder {
  readonly base: WeightSet;
  /** As A1111 counts: 1 skips none. */
  readonly maxClipSkip: number;
  readonly #network: Network<ClipShape>;
  readonly #hasPooled: boolean;

  private constructor(
    base: WeightSet,
    network: Network<ClipShape>,
    { maxClipSkip, hasPooled }: { maxClipSkip: number; hasPooled: boolean },
  ) {
    this.base = base;
    this.maxClipSkip = maxClipSkip;
    this.#network = network;
    this.#hasPooled = hasPooled;
  }

  /** @throws MeshError when a weight is missing, extra or misshapen, with its full name */
  static async load(
    device: Device,
    { folder, config }: Pick<TextEncoderPart, 'folder' | 'config'>,
    family: Family,
  ): Promise<TextEncoder> {
    const { weights: source } = await openComponent(folder);
    const { unreadLayers, isNormed } = READINGS[family];
    const hasPooled = config.projectionDim !== undefined;
    const whole = clipText(config, source, { batch: 1 }, { hasPooled });
    source.assertAllUsed();
    const fed = whole.fedWeights.map((input) => input.weight);
    const base = await device.loadWeights(source, fed, { isPatchable: true });
    const network = new Network<ClipShape>({
      device,
      build: ({ batch, layers, hasLearned }, variant) =>
        clipText(config, source, { batch }, { layers, isNormed, hasPooled, hasLearned, ...variant }),
      key: ({ batch, layers, hasLearned }) => `${batch}x${layers}${hasLearned ? ' learned' : ''}`,
      maxShapes: MAX_SHAPES,
    });
    return new TextEncoder(base, network, { maxClipSkip: config.layers - unreadLayers, hasPooled });
  }

  /** Makes the first prompt as fast as later ones. */
  async warmUp(): Promise<void> {
    await this.#network.warmUp({ batch: 1, layers: this.maxClipSkip, hasLearned: false }, this.base);
  }

  /**
   * Embeds one prompt.
   *
   * tokens    ids i32 [T], T = 77; or with the vectors of learned words
   * clipSkip  as A1111 counts: 1 … `maxClipSkip`
   */
  async encode(
    tokens: Int32Array | LearnedPrompt,
    clipSkip: number,
    weights: WeightSet,
    signal: AbortSignal,
  ): Promise<Embedded> {
    const { ids, ...learned } = tokens instanceof Int32Array ? { ids: tokens } : tokens;
    const input_ids = tensor('i32', [1, ids.length], ids.slice());
    const names = this.#hasPooled ? ['last_hidden_state', 'pooled'] : ['last_hidden_state'];
    const shape = { batch: 1, layers: this.maxClipSkip - (clipSkip - 1), hasLearned: 'learned' in learned };
    const feeds = { input_ids, ...learned };
    const { outputs } = await this.#network.run(shape, { feeds, weights, outputs: names }, signal);
    const embeds = pick(outputs, 'last_hidden_state', 'f32');
    return this.#hasPooled ? { embeds, pooled: pick(outputs, 'pooled', 'f32') } : { embeds };
  }
}
