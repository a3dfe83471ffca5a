/** The UNet as its two halves on one device, and as its outermost layers alone, with one set of weights for all and for every size of picture. */
import { openComponent } from '#shared/checkpoint/component.ts';
import type { Port } from '#shared/graph/graph-model.ts';
import { DEEP, RESIDUAL_MID, residualName, residualShapes } from '#shared/graph/models/residuals.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { unetShallow } from '#shared/graph/models/unet-shallow.ts';
import type { Device, Kept, RunRequest, WeightSet } from '#shared/session/device.ts';
import { Network, type NetworkOptions } from '#shared/session/network.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';
import { f32, pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { giveBuffer } from '#shared/wire/spare-buffers.ts';
import type { StepResiduals } from './control-group.ts';

/** What decides a graph: `batch` counts both halves of guidance; height and width are latent pixels. */
export interface UnetShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly tokens: number;
  /** Layers that shallow calls compute, for jobs that make any. */
  readonly deepLayers?: number;
}

/** What stays the same over calls, beside what `begin` put on the device. */
export interface UnetJob {
  readonly shape: UnetShape;
  readonly weights: WeightSet;
  /** The job's name on the device, see `begin`. */
  readonly prompt: string;
  readonly signal: AbortSignal;
  /** Whether residuals stay on the device, for calls that say `kept`. */
  readonly keepsResiduals?: boolean;
}

/** Shapes that stay compiled; one costs some hundred MB of activations at 512×512, its weights are shared. */
const MAX_SHAPES = 4;

/** The compiled halves. */
interface UnetParts {
  readonly config: UnetConfig;
  readonly between: readonly string[];
  /** What the halves take beside latents, timestep and what lies between. */
  readonly given: { readonly down: readonly string[]; readonly up: readonly string[] };
  readonly down: Network<UnetShape>;
  readonly up: Network<UnetShape>;
  readonly controlledUp: Network<UnetShape>;
  readonly shallow: Network<UnetShape>;
  readonly controlledShallow: Network<UnetShape>;
}

/** See the head of this file. Calls of several jobs may alternate, each of which has slots of its own between the halves. */
export class Unet {
  readonly base: WeightSet;
  readonly config: UnetConfig;
  readonly #down: Network<UnetShape>;
  readonly #up: Network<UnetShape>;
  readonly #controlledUp: Network<UnetShape>;
  readonly #shallow: Network<UnetShape>;
  readonly #controlledShallow: Network<UnetShape>;
  readonly #device: Device;
  /** Outputs of the first half, which are inputs of the second: skips, `mid`, `time_embedding`. */
  readonly #between: readonly string[];
  readonly #given: UnetParts['given'];
  readonly #residuals: readonly string[];

  private constructor(device: Device, base: WeightSet, parts: UnetParts) {
    this.#device = device;
    this.base = base;
    this.config = parts.config;
    this.#between = parts.between;
    this.#given = parts.given;
    const { skips } = residualShapes(parts.config, { batch: 1, height: 8, width: 8 });
    this.#residuals = [...outermost(skips.length), RESIDUAL_MID];
    this.#down = parts.down;
    this.#up = parts.up;
    this.#controlledUp = parts.controlledUp;
    this.#shallow = parts.shallow;
    this.#controlledShallow = parts.controlledShallow;
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
    const between = halves[0]!.outputs.map((port) => port.name);
    const [down, up] = halves.map(({ inputs }) => givenInputs(inputs, between)) as [string[], string[]];
    return new Unet(device, base, {
      config,
      between,
      given: { down, up },
      down: network((shape, variant) => unetDown(config, source, shape, variant)),
      up: network((shape, variant) =>
        unetUp(config, source, shape, { ...deepOf(shape), hasResiduals: false, ...variant }),
      ),
      controlledUp: network((shape, variant) =>
        unetUp(config, source, shape, { ...deepOf(shape), hasResiduals: true, ...variant }),
      ),
      shallow: network((shape, variant) =>
        unetShallow(config, source, shape, { layers: shape.deepLayers ?? 0, hasResiduals: false, ...variant }),
      ),
      controlledShallow: network((shape, variant) =>
        unetShallow(config, source, shape, { layers: shape.deepLayers ?? 0, hasResiduals: true, ...variant }),
      ),
    });
  }

  /** Makes jobs of one shape, without control, as fast the first time as later. */
  async warmUp(shape: UnetShape): Promise<void> {
    await this.#down.warmUp(shape, this.base);
    await this.#up.warmUp(shape, this.base);
  }

  /**
   * Brings to the device what every step of a job needs, under its name: `prompt_embeds` f32 [N, T, D], and what else the
   * graphs take.
   * @throws MeshError WRONG_SHAPE when one of them is missing
   */
  async begin(prompt: string, given: TensorMap): Promise<void> {
    const names = new Set([...this.#given.down, ...this.#given.up]);
    for (const name of names) await this.#device.put(slotOf(prompt, name), pick(given, name, 'f32'));
  }

  /**
   * Down and middle blocks; their outputs stay on the device for `up`.
   *
   * latents  f32 [N, 4, h, w], scaled for the model; handed over
   * @returns time in the runtime, ms
   */
  async down(job: UnetJob, latents: Float32Array, timestep: number): Promise<number> {
    const { shape, weights, prompt, signal } = job;
    const feeds = this.#firstFeeds(job, latents, timestep);
    const keep = Object.fromEntries(this.#between.map((name) => [name, slotOf(prompt, name)]));
    const { runMs } = await this.#down.run(shape, { feeds, weights, outputs: [], keep }, signal);
    return runMs;
  }

  /**
   * Up blocks, on what `down` left. Leaves what shallow calls need.
   *
   * residuals  `residual_00` … `residual_mid`, summed over ControlNets; handed over, with their buffers. `kept`: those of the last
   *            call that had any. Undefined without control.
   * @returns noise_pred f32 [N, 4, h, w] and the time in the runtime, ms
   */
  async up(job: UnetJob, residuals: StepResiduals): Promise<{ noise_pred: Float32Array; runMs: number }> {
    const { shape, weights, prompt, signal } = job;
    const { deepLayers = 0 } = shape;
    const network = residuals ? this.#controlledUp : this.#up;
    const added = residuals && (await this.#addedFeeds(job, residuals));
    const feeds = { ...keptInputs(prompt, this.#between), ...added, ...keptInputs(prompt, this.#given.up) };
    // Residuals come out of messages that are nobody else's.
    const keep = deepLayers > 0 ? { [DEEP]: slotOf(prompt, DEEP) } : {};
    const request = { feeds, ownsBuffers: true, weights, outputs: ['noise_pred'], keep, drop: this.#betweenOf(prompt) };
    const { outputs, runMs, spent = [] } = await network.run(shape, request, signal);
    spent.forEach(giveBuffer);
    return { noise_pred: pick(outputs, 'noise_pred', 'f32').data, runMs };
  }

  /**
   * The outermost layers, on what an `up` of the same shape left.
   *
   * latents        f32 [N, 4, h, w], scaled for the model; handed over
   * isControlled   whether that one had residuals
   * @returns noise_pred f32 [N, 4, h, w] and the time in the runtime, ms
   */
  async shallow(
    job: UnetJob,
    { latents, timestep, isControlled }: { latents: Float32Array; timestep: number; isControlled: boolean },
  ): Promise<{ noise_pred: Float32Array; runMs: number }> {
    const { shape, weights, prompt, signal } = job;
    const left = [DEEP, ...(isControlled ? outermost(shape.deepLayers) : [])];
    const feeds = { ...this.#firstFeeds(job, latents, timestep), ...keptInputs(prompt, left) };
    const network = isControlled ? this.#controlledShallow : this.#shallow;
    const { outputs, runMs } = await network.run(shape, { feeds, weights, outputs: ['noise_pred'] }, signal);
    return { noise_pred: pick(outputs, 'noise_pred', 'f32').data, runMs };
  }

  /** Frees what a job left on the device. */
  async forget(prompt: string): Promise<void> {
    const names = [...this.#given.down, ...this.#given.up, DEEP, ...this.#residuals];
    await this.#device.drop([...this.#betweenOf(prompt), ...names.map((name) => slotOf(prompt, name))]);
  }

  /** The second half's residuals; those that later calls read as well come to the device first. */
  async #addedFeeds(
    { prompt, shape, keepsResiduals = false }: UnetJob,
    residuals: TensorMap | 'kept',
  ): Promise<RunRequest['feeds']> {
    const stay = keepsResiduals ? this.#residuals : outermost(shape.deepLayers);
    if (residuals !== 'kept') {
      for (const name of stay) await this.#device.put(slotOf(prompt, name), pick(residuals, name, 'f32'));
      if (!keepsResiduals) return residuals;
      for (const { data } of Object.values(residuals)) giveBuffer(data.buffer);
    }
    return keptInputs(prompt, stay);
  }

  #firstFeeds({ shape, prompt }: UnetJob, latents: Float32Array, timestep: number): RunRequest['feeds'] {
    const { batch, height, width } = shape;
    return {
      latents: f32([batch, latents.length / (batch * height * width), height, width], latents),
      timestep: f32([1], Float32Array.of(timestep)),
      ...keptInputs(prompt, this.#given.down),
    };
  }

  #betweenOf(prompt: string): readonly string[] {
    return this.#between.map((name) => slotOf(prompt, name));
  }
}

/** Every job has slots of its own, by input or output of the graphs. */
function slotOf(prompt: string, input: string): string {
  return `${input} of ${prompt}`;
}

/** Residuals of the outermost skips. */
function outermost(layers = 0): string[] {
  return Array.from({ length: layers }, (_, index) => residualName(index));
}

function keptInputs(prompt: string, names: readonly string[]): Record<string, Kept> {
  return Object.fromEntries(names.map((name) => [name, { kept: slotOf(prompt, name) }]));
}

function deepOf({ deepLayers }: UnetShape): { deepLayers?: number } {
  return deepLayers === undefined ? {} : { deepLayers };
}

function givenInputs(inputs: readonly Port[], between: readonly string[]): string[] {
  const others = ['latents', 'timestep', ...between];
  return inputs.map(({ name }) => name).filter((name) => !others.includes(name));
}

function shapeKey({ batch, height, width, tokens, deepLayers = 0 }: UnetShape): string {
  return `${batch}x${height}x${width}x${tokens} deep${deepLayers}`;
}
