/** The autoencoder on one device: latents become pixels, and the other way round. Pictures of a batch run one by one, which bounds memory. */
import { openComponent } from '#shared/checkpoint/component.ts';
import { encoderInputOfPixels, pixelsOfDecoded } from '#shared/diffusion/pixels.ts';
import { vaeDecode, vaeEncode, vaeFactor } from '#shared/graph/models/vae.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { Network } from '#shared/session/network.ts';
import type { VaeConfig } from '#shared/tensor/network-config.ts';
import { f32, pick, type Tensor, tensor } from '#shared/tensor/tensor.ts';

/** Latent pixels of one picture. */
interface VaeShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

/** Sessions that stay open. The weights are constants here (convolutions are 14 % faster so), a copy in each session. */
const MAX_SHAPES = 2;
/** A mask's level from which on a pixel belongs to it. */
const MASKED = 128;

/** See the head of this file. */
export class Vae {
  readonly #decoder: Network<VaeShape>;
  readonly #encoder: Network<VaeShape>;
  readonly #weights: WeightSet;
  readonly scalingFactor: number;
  readonly #latentChannels: number;
  /** Pixels along an edge for each latent pixel: 8. */
  readonly #factor: number;

  private constructor(
    networks: { decoder: Network<VaeShape>; encoder: Network<VaeShape> },
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
    const network = (build: (shape: VaeShape) => ReturnType<typeof vaeDecode>): Network<VaeShape> =>
      new Network({ device, build, key: ({ height, width }) => `${height}x${width}`, maxShapes: MAX_SHAPES });
    const decoder = network((shape) => vaeDecode(config, source, shape));
    const encoder = network((shape) => vaeEncode(config, source, shape));
    return new Vae({ decoder, encoder }, weights, config);
  }

  /** Makes decoding as fast the first time as later. height and width in latent pixels */
  async warmUp(size: { readonly height: number; readonly width: number }): Promise<void> {
    await this.#decoder.warmUp({ batch: 1, ...size }, this.#weights);
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
      const one = f32([1, channels, height, width], latents.data.slice(i * size, (i + 1) * size));
      const request = { feeds: { latents: one }, weights: this.#weights, outputs: ['pixels'] };
      const { outputs, runMs } = await this.#decoder.run({ batch: 1, height, width }, request, signal);
      const decoded = pick(outputs, 'pixels', 'f32').data;
      pixels.set(pixelsOfDecoded(decoded, pixelHeight * pixelWidth), i * pictureBytes);
      total += runMs;
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
      const picture = f32([1, 3, pixelHeight, pixelWidth], planes);
      const request = { feeds: { pixels: picture }, weights: this.#weights, outputs: ['mean', 'logvar'] };
      const { outputs, runMs } = await this.#encoder.run({ batch: 1, height, width }, request, signal);
      mean.set(pick(outputs, 'mean', 'f32').data, i * size);
      logvar.set(pick(outputs, 'logvar', 'f32').data, i * size);
      total += runMs;
    }
    const shape = [batch, this.#latentChannels, height, width];
    return { mean: f32(shape, mean), logvar: f32(shape, logvar), runMs: total };
  }
}

/** planes f32 [3, H, W]; mask u8 [H, W] */
function clearMasked(planes: Float32Array, { data }: Tensor<'u8'>): void {
  for (let i = 0; i < planes.length; i++) if (data[i % data.length]! >= MASKED) planes[i] = 0;
}
