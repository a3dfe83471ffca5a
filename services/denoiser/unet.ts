/** The UNet as its two halves on one device, with one set of weights for both and for every size of picture. */
import { openComponent } from '#shared/checkpoint/component.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { Network, type NetworkOptions } from '#shared/session/network.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';
import { f32, pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { giveBuffer } from '#shared/wire/spare-buffers.ts';

/** What decides a graph: `batch` counts both halves of guidance; height and width are latent pixels. */
export interface UnetShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly tokens: number;
}

/** What stays the same over calls, beside what `begin` put on the device. */
export interface UnetJob {
  readonly shape: UnetShape;
  readonly weights: WeightSet;
  /** The slot of its embeddings, see `begin`. */
  readonly prompt: string;
  readonly signal: AbortSignal;
}

/** Shapes that stay compiled; one costs some hundred MB of activations at 512×512, its weights are shared. */
const MAX_SHAPES = 4;

/** The compiled halves. */
interface UnetParts {
  readonly between: readonly string[];
  readonly down: Network<UnetShape>;
  readonly up: Network<UnetShape>;
  readonly controlledUp: Network<UnetShape>;
}

/** See the head of this file. Calls of several jobs may alternate, each of which has slots of its own between the halves. */
export class Unet {
  readonly base: WeightSet;
  readonly #down: Network<UnetShape>;
  readonly #up: Network<UnetShape>;
  readonly #controlledUp: Network<UnetShape>;
  readonly #device: Device;
  /** Outputs of the first half, which are inputs of the second: skips, `mid`, `time_embedding`. */
  readonly #between: readonly string[];

  private constructor(device: Device, base: WeightSet, parts: UnetParts) {
    this.#device = device;
    this.base = base;
    this.#between = parts.between;
    this.#down = parts.down;
    this.#up = parts.up;
    this.#controlledUp = parts.controlledUp;
  }

  /** @throws MeshError when a weight is missing, extra or misshapen, with its full name */
  static async load(device: Device, folder: string, config: UnetConfig): Promise<Unet> {
    const { weights: source } = await openComponent(folder);
    const smallest = { batch: 1, height: 8, width: 8, tokens: 1 };
    const halves = [unetDown(config, source, smallest), unetUp(config, source, smallest, { hasResiduals: false })];
    source.assertAllUsed();
    const fed = halves.flatMap((half) => half.fedWeights.map((input) => input.weight));
    const base = await device.loadWeights(source, fed, { isPatchable: true });
    const network = (build: NetworkOptions<UnetShape>['build']): Network<UnetShape> =>
      new Network({ device, build, key: shapeKey, maxShapes: MAX_SHAPES });
    return new Unet(device, base, {
      between: halves[0]!.outputs.map((port) => port.name),
      down: network((shape, variant) => unetDown(config, source, shape, variant)),
      up: network((shape, variant) => unetUp(config, source, shape, { hasResiduals: false, ...variant })),
      controlledUp: network((shape, variant) => unetUp(config, source, shape, { hasResiduals: true, ...variant })),
    });
  }

  /** Makes jobs of one shape, without control, as fast the first time as later. */
  async warmUp(shape: UnetShape): Promise<void> {
    await this.#down.warmUp(shape, this.base);
    await this.#up.warmUp(shape, this.base);
  }

  /**
   * Brings to the device what every step of a job needs, into a slot of that name.
   *
   * prompt_embeds  f32 [N, T, D]
   */
  async begin(prompt: string, prompt_embeds: Tensor<'f32'>): Promise<void> {
    await this.#device.put(promptSlot(prompt), prompt_embeds);
  }

  /**
   * Down and middle blocks; their outputs stay on the device for `up`.
   *
   * latents  f32 [N, 4, h, w], scaled for the model; handed over
   * @returns time in the runtime, ms
   */
  async down(job: UnetJob, latents: Float32Array, timestep: number): Promise<number> {
    const { shape, weights, prompt, signal } = job;
    const feeds = {
      latents: f32(
        [shape.batch, latents.length / (shape.batch * shape.height * shape.width), shape.height, shape.width],
        latents,
      ),
      timestep: f32([1], Float32Array.of(timestep)),
      prompt_embeds: { kept: promptSlot(prompt) },
    };
    const keep = Object.fromEntries(this.#between.map((name) => [name, betweenSlot(prompt, name)]));
    const { runMs } = await this.#down.run(shape, { feeds, weights, outputs: [], keep }, signal);
    return runMs;
  }

  /**
   * Up blocks, on what `down` left.
   *
   * residuals  `residual_00` … `residual_mid`, summed over ControlNets; handed over, with their buffers. Undefined without control.
   * @returns noise_pred f32 [N, 4, h, w] and the time in the runtime, ms
   */
  async up(job: UnetJob, residuals: TensorMap | undefined): Promise<{ noise_pred: Float32Array; runMs: number }> {
    const { shape, weights, prompt, signal } = job;
    const kept = Object.fromEntries(this.#between.map((name) => [name, { kept: betweenSlot(prompt, name) }]));
    const network = residuals ? this.#controlledUp : this.#up;
    const feeds = { ...kept, ...residuals, prompt_embeds: { kept: promptSlot(prompt) } };
    // Residuals come out of messages that are nobody else's.
    const request = { feeds, ownsBuffers: true, weights, outputs: ['noise_pred'], drop: this.#betweenOf(prompt) };
    const { outputs, runMs, spent = [] } = await network.run(shape, request, signal);
    spent.forEach(giveBuffer);
    return { noise_pred: pick(outputs, 'noise_pred', 'f32').data, runMs };
  }

  /** Frees what a job left on the device. */
  async forget(prompt: string): Promise<void> {
    await this.#device.drop([...this.#betweenOf(prompt), promptSlot(prompt)]);
  }

  #betweenOf(prompt: string): readonly string[] {
    return this.#between.map((name) => betweenSlot(prompt, name));
  }
}

function betweenSlot(prompt: string, name: string): string {
  return `${name} of ${prompt}`;
}

function promptSlot(prompt: string): string {
  return `prompt ${prompt}`;
}

function shapeKey({ batch, height, width, tokens }: UnetShape): string {
  return `${batch}x${height}x${width}x${tokens}`;
}
