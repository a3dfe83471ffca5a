/**
 * The autoencoder on one device: latents become pixels, and the other way round. Pictures of a batch run one by one, and those
 * whose run would take more memory than it may in tiles: both bound memory.
 */
import { LRUCache } from 'lru-cache';
import { openComponent } from '#shared/checkpoint/component.ts';
import { encoderInputOfPixels, pixelsOfDecoded } from '#shared/diffusion/pixels.ts';
import { scaledSpan } from '#shared/diffusion/tiles.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import { vaeDecode, vaeEncode, vaeFactor } from '#shared/graph/models/vae.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { Network } from '#shared/session/network.ts';
import type { VaeConfig } from '#shared/tensor/network-config.ts';
import { f32, pick, type Tensor, tensor } from '#shared/tensor/tensor.ts';
import { cutOut, inTiles, type LatentSize, type TilePlan, tileSize } from './tiled.ts';

/** Latent pixels of one picture. */
interface VaeShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

/** Sessions that stay open. The weights are constants here (convolutions are 14 % faster so), a copy in each session. */
const MAX_SHAPES = 2;
/** Sizes of pictures whose tiles are remembered. */
const MAX_SIZES = 64;
/** A mask's level from which on a pixel belongs to it. */
const MASKED = 128;

/** A network, and how large pictures are cut for it. */
interface TiledNetwork {
  readonly network: Network<VaeShape>;
  readonly plan: TilePlan;
  readonly tiles: LRUCache<string, LatentSize>;
}

/** See the head of this file. */
export class Vae {
  readonly #decoder: TiledNetwork;
  readonly #encoder: TiledNetwork;
  readonly #weights: WeightSet;
  readonly scalingFactor: number;
  readonly #latentChannels: number;
  /** Pixels along an edge for each latent pixel: 8. */
  readonly #factor: number;

  private constructor(
    networks: { decoder: TiledNetwork; encoder: TiledNetwork },
    weights: WeightSet,
    config: VaeConfig,
  ) {
    this.#decoder = networks.decoder;
    this.#encoder = networks.encoder;
    this.#weights = weights;
    this.scalingFactor = config.scalingFactor;
    this.#latentChannels = config.latentChannels;
    this.#factor = vaeFactor(config);
  }

  /** @throws MeshError when a weight is missing, extra or misshapen, with its full name */
  static async load(device: Device, folder: string, config: VaeConfig): Promise<Vae> {
    const { weights: source } = await openComponent(folder);
    const smallest = { batch: 1, height: 8, width: 8 };
    const graphs = [vaeDecode(config, source, smallest), vaeEncode(config, source, smallest)];
    source.assertAllUsed();
    const fed = graphs.flatMap((graph) => graph.fedWeights.map((input) => input.weight));
    const weights = await device.loadWeights(source, fed);
    const tiled = (build: (shape: VaeShape) => GraphModel): TiledNetwork => ({
      network: new Network({ device, build, key: ({ height, width }) => `${height}x${width}`, maxShapes: MAX_SHAPES }),
      plan: {
        build: (size) => build({ batch: 1, ...size }),
        maxBytes: device.maxActivationBytes ?? Number.POSITIVE_INFINITY,
      },
      tiles: new LRUCache({ max: MAX_SIZES }),
    });
    const decoder = tiled((shape) => vaeDecode(config, source, shape));
    const encoder = tiled((shape) => vaeEncode(config, source, shape));
    return new Vae({ decoder, encoder }, weights, config);
  }

  /** Makes decoding as fast the first time as later. height and width in latent pixels */
  async warmUp(size: { readonly height: number; readonly width: number }): Promise<void> {
    await this.#decoder.network.warmUp({ batch: 1, ...tileOf(this.#decoder, size) }, this.#weights);
  }

  /**
   * latents  f32 [B, 4, h, w]
   * returns  pixels u8 [B, H, W, 3]
   */
  async decode(latents: Tensor<'f32'>, signal: AbortSignal): Promise<{ pixels: Tensor<'u8'>; runMs: number }> {
    const [batch, channels, height, width] = latents.shape as [number, number, number, number];
    const size = channels * height * width;
    const [pixelHeight, pixelWidth] = [height * this.#factor, width * this.#factor];
    const pictureBytes = pixelHeight * pixelWidth * 3;
    const pixels = new Uint8Array(batch * pictureBytes);
    let total = 0;
    for (let i = 0; i < batch; i++) {
      const one = latents.data.slice(i * size, (i + 1) * size);
      const decoded = await inTiles({ height, width }, tileOf(this.#decoder, { height, width }), {
        scale: this.#factor,
        channels: 3,
        run: async (rows, columns) => {
          const part = f32([1, channels, rows.length, columns.length], cutOut(one, { height, width }, rows, columns));
          const request = { feeds: { latents: part }, weights: this.#weights, outputs: ['pixels'] };
          const shape = { batch: 1, height: rows.length, width: columns.length };
          const { outputs, runMs } = await this.#decoder.network.run(shape, request, signal);
          total += runMs;
          return pick(outputs, 'pixels', 'f32').data;
        },
      });
      pixels.set(pixelsOfDecoded(decoded, pixelHeight * pixelWidth), i * pictureBytes);
    }
    return { pixels: tensor('u8', [batch, pixelHeight, pixelWidth, 3], pixels), runMs: total };
  }

  /**
   * pixels   u8 [B, H, W, 3]
   * mask     u8 [H, W]; pixels where it is 128 and above are 0 of −1…1
   * returns  mean and logvar of the posterior, unscaled, f32 [B, 4, h, w]
   */
  async encode(
    pixels: Tensor<'u8'>,
    mask: Tensor<'u8'> | undefined,
    signal: AbortSignal,
  ): Promise<{ mean: Tensor<'f32'>; logvar: Tensor<'f32'>; runMs: number }> {
    const [batch, pixelHeight, pixelWidth] = pixels.shape as [number, number, number, number];
    const [height, width] = [pixelHeight / this.#factor, pixelWidth / this.#factor];
    const pictureBytes = pixelHeight * pixelWidth * 3;
    const size = this.#latentChannels * height * width;
    const mean = new Float32Array(batch * size);
    const logvar = new Float32Array(batch * size);
    let total = 0;
    for (let i = 0; i < batch; i++) {
      const bytes = pixels.data.subarray(i * pictureBytes, (i + 1) * pictureBytes);
      const planes = encoderInputOfPixels(bytes, pixelHeight * pixelWidth);
      if (mask) clearMasked(planes, mask);
      const moments = await this.#moments(planes, { height, width }, signal);
      mean.set(moments.values.subarray(0, size), i * size);
      logvar.set(moments.values.subarray(size), i * size);
      total += moments.runMs;
    }
    const shape = [batch, this.#latentChannels, height, width];
    return { mean: f32(shape, mean), logvar: f32(shape, logvar), runMs: total };
  }

  /** Mean and logvar of one picture, planes f32 [3, H, W], one after the other: f32 [8, h, w] */
  async #moments(
    planes: Float32Array,
    size: LatentSize,
    signal: AbortSignal,
  ): Promise<{ values: Float32Array; runMs: number }> {
    let total = 0;
    const pixelSize = { height: size.height * this.#factor, width: size.width * this.#factor };
    const values = await inTiles(size, tileOf(this.#encoder, size), {
      scale: 1,
      channels: 2 * this.#latentChannels,
      run: async (rows, columns) => {
        const [pixelRows, pixelColumns] = [scaledSpan(rows, this.#factor), scaledSpan(columns, this.#factor)];
        const part = cutOut(planes, pixelSize, pixelRows, pixelColumns);
        const feeds = { pixels: f32([1, 3, pixelRows.length, pixelColumns.length], part) };
        const request = { feeds, weights: this.#weights, outputs: ['mean', 'logvar'] };
        const shape = { batch: 1, height: rows.length, width: columns.length };
        const { outputs, runMs } = await this.#encoder.network.run(shape, request, signal);
        total += runMs;
        return joined(pick(outputs, 'mean', 'f32').data, pick(outputs, 'logvar', 'f32').data);
      },
    });
    return { values, runMs: total };
  }
}

/** Looked up by the picture's size: writing graphs to know their cost takes some ten milliseconds. */
function tileOf({ plan, tiles }: TiledNetwork, size: LatentSize): LatentSize {
  const key = `${size.height}x${size.width}`;
  const known = tiles.get(key);
  if (known) return known;
  const tile = tileSize(plan, size);
  tiles.set(key, tile);
  return tile;
}

function joined(first: Float32Array, second: Float32Array): Float32Array {
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** planes f32 [3, H, W]; mask u8 [H, W] */
function clearMasked(planes: Float32Array, { data }: Tensor<'u8'>): void {
  for (let i = 0; i < planes.length; i++) if (data[i % data.length]! >= MASKED) planes[i] = 0;
}
