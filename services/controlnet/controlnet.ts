/** One ControlNet on a device: hint encoder and steps at every size, with one set of weights. */
import { configPath, openComponent } from '#shared/checkpoint/component.ts';
import { assertControlNetFits } from '#shared/checkpoint/controlnet-fit.ts';
import type { LibraryEntry } from '#shared/checkpoint/library.ts';
import { parseControlNetConfig } from '#shared/checkpoint/unet-config.ts';
import { controlnetHint, controlnetStep } from '#shared/graph/models/controlnet.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { Network } from '#shared/session/network.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';
import { f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { widenedBytes } from '#shared/tensor/weight.ts';

/** `batch` counts both halves of guidance where it sees both; height and width are latent pixels. */
export interface ControlNetShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly tokens: number;
}

/** The inputs of one step. Tensors are handed over. */
export interface ControlNetStep {
  readonly shape: ControlNetShape;
  /** f32 [N, 4, h, w] */
  readonly latents: Tensor<'f32'>;
  readonly timestep: number;
  /** Slots on the device by input of the graph: `hint_embedding`, `prompt_embeds` f32 [N, T, D], and `add_embeds` in SDXL. */
  readonly slots: Readonly<Record<string, string>>;
  /** f32 [residuals + 1], the middle one last */
  readonly scales: Float32Array;
}

/** Inputs that are fed at every step, and the hint's features. */
const STEP_INPUTS = ['latents', 'timestep', 'hint_embedding', 'scales'];

/** Shapes that stay compiled. */
const MAX_SHAPES = 4;

/** See the head of this file. */
export class ControlNet {
  readonly name: string;
  /** Residuals of a step, without the middle one. */
  readonly residuals: number;
  /** What its steps take that stays the same over a job, beside the hint's features. */
  readonly given: readonly string[];
  readonly #weights: WeightSet;
  readonly #hint: Network<ControlNetShape>;
  readonly #step: Network<ControlNetShape>;
  readonly #outputs: readonly string[];

  private constructor(parts: {
    name: string;
    weights: WeightSet;
    hint: Network<ControlNetShape>;
    step: Network<ControlNetShape>;
    outputs: readonly string[];
    given: readonly string[];
  }) {
    this.name = parts.name;
    this.#weights = parts.weights;
    this.#hint = parts.hint;
    this.#step = parts.step;
    this.#outputs = parts.outputs;
    this.residuals = parts.outputs.length - 1;
    this.given = parts.given;
  }

  /**
   * Checks a ControlNet without reading its weights.
   * @returns bytes that its weights will take on the device
   * @throws MeshError CONTROLNET_MISMATCH, WEIGHT_*, WRONG_SHAPE, CONFIG_*
   */
  static async check(entry: LibraryEntry, unet: UnetConfig): Promise<number> {
    const { fed } = await ControlNet.#open(entry, unet);
    const shapes = new Map(fed.map(({ name, shape }) => [name, shape]));
    return widenedBytes(shapes.values());
  }

  static async load(device: Device, entry: LibraryEntry, unet: UnetConfig): Promise<ControlNet> {
    const { config, source, graphs, fed } = await ControlNet.#open(entry, unet);
    const weights = await device.loadWeights(source, fed);
    const network = (build: (shape: ControlNetShape) => ReturnType<typeof controlnetHint>): Network<ControlNetShape> =>
      new Network({ device, build, key: shapeKey, maxShapes: MAX_SHAPES });
    return new ControlNet({
      name: entry.name,
      weights,
      hint: network((shape) => controlnetHint(config, source, { ...shape, batch: 1 })),
      step: network((shape) => controlnetStep(config, source, shape)),
      outputs: graphs[1]!.outputs.map((port) => port.name),
      given: graphs[1]!.inputs.map((port) => port.name).filter((name) => !STEP_INPUTS.includes(name)),
    });
  }

  static async #open(entry: LibraryEntry, unet: UnetConfig) {
    const { weights: source, config: json } = await openComponent(entry.path);
    const config = parseControlNetConfig(configPath(entry.path), json);
    assertControlNetFits(entry.name, config, unet);
    const smallest = { batch: 1, height: 8, width: 8, tokens: 1 };
    const graphs = [controlnetHint(config, source, smallest), controlnetStep(config, source, smallest)];
    source.assertAllUsed();
    const fed = graphs.flatMap((graph) => graph.fedWeights.map((input) => input.weight));
    return { config, source, graphs, fed };
  }

  /** Computes the hint's features, f32 [1, 3, H, W] in 0…1, and keeps them on the device under `slot`. */
  async encodeHint(shape: ControlNetShape, hint: Tensor<'f32'>, slot: string, signal: AbortSignal): Promise<void> {
    const keep = { hint_embedding: slot };
    await this.#hint.run(shape, { feeds: { hint }, weights: this.#weights, outputs: [], keep }, signal);
  }

  /** @returns `residual_00` … `residual_mid`, and the time in the runtime, ms */
  async step(step: ControlNetStep, signal: AbortSignal): Promise<{ residuals: TensorMap; runMs: number }> {
    const feeds = {
      latents: step.latents,
      timestep: f32([1], Float32Array.of(step.timestep)),
      ...Object.fromEntries(Object.entries(step.slots).map(([input, kept]) => [input, { kept }])),
      scales: f32([step.scales.length], step.scales.slice()),
    };
    const request = { feeds, weights: this.#weights, outputs: this.#outputs };
    const { outputs, runMs } = await this.#step.run(step.shape, request, signal);
    return { residuals: outputs, runMs };
  }

  /** Frees sessions and weights. */
  async release(): Promise<void> {
    await Promise.all([this.#hint.release(), this.#step.release()]);
    await this.#weights.release();
  }
}

function shapeKey({ batch, height, width, tokens }: ControlNetShape): string {
  return `${batch}x${height}x${width}x${tokens}`;
}

/**
 * The factor of each residual, the middle one last. In guess mode they grow from a tenth to the whole with depth.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/models/controlnets/controlnet.py (guess_mode)
 */
export function residualScales(count: number, scale: number, isGuessMode: boolean): Float32Array {
  const growth = (i: number): number => (isGuessMode ? 10 ** (i / (count - 1) - 1) : 1);
  return Float32Array.from({ length: count }, (_, i) => growth(i) * scale);
}
