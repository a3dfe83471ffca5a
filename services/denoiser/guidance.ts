/**
 * Classifier-free guidance as runs of the model: joint, both halves in one run; or split, each half in a run of its own, the
 * unconditional one on a second denoiser while one is idle. A half gives the same wherever it runs, so a picture of split
 * guidance is the same, bit for bit, whether there was a second denoiser for none, some or all of its steps.
 *
 * Source: two devices for the two halves is the paper's "latent parallelism" (Katz, ATC'25, §4.3).
 */
import { applyGuidance, applyGuidanceToHalves, rescaleGuidance } from '#shared/diffusion/guidance.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import { type Conditioning, ControlledUnet, type ModelCall, type Prediction } from './controlled-unet.ts';
import type { DistantHalf } from './distant-half.ts';
import { controlInputs, type Halves, joinHalves, promptShape } from './halves.ts';
import type { Unet } from './unet.ts';

/** What a job has beside what its halves are given. */
export type GuidedJob = Omit<Conditioning, 'given' | 'control'>;

/** How strongly the halves are drawn apart, and how far their sum is brought back to the conditional one's deviation. */
export interface Strength {
  readonly scale: number;
  readonly rescale: number;
}

type OpenDistant = (conditioning: Conditioning) => Promise<DistantHalf | undefined>;

/** Whom it asks. */
export interface GuidanceParts {
  readonly unet: Unet;
  readonly mesh: MeshClient;
  /** Lends a second denoiser for the unconditional half, when one is idle. Without this the halves run together. */
  readonly openDistant?: OpenDistant;
}

/** The model with guidance. */
export interface Guidance {
  /** @returns noise_pred f32 [B, 4, h, w] after guidance, and the time in this denoiser's runs */
  predict(call: ModelCall): Promise<Prediction>;
  close(): Promise<void>;
}

/** The way that a job's guidance is computed. */
export function openGuidance(
  parts: GuidanceParts,
  job: GuidedJob,
  { halves, ...strength }: Strength & { readonly halves: Halves },
): Guidance {
  const { prompt, negative } = halves;
  const one = { ...job, given: prompt, control: controlInputs(prompt) };
  if (!negative) return new ControlledUnet(parts, one);
  const nobody = async (): Promise<undefined> => undefined;
  // What a call leaves for later ones is on this device.
  const leaves = job.deep_cache !== undefined || (job.controlnet_every ?? 1) > 1;
  const openDistant = leaves ? undefined : parts.openDistant;
  // Prompts of different length make no batch.
  if (openDistant || promptShape(negative).tokens !== promptShape(prompt).tokens) {
    return new SplitGuidance(parts, { one, negative, strength }, openDistant ?? nobody);
  }
  const both = joinHalves(negative, prompt);
  const conditioning = { ...job, given: both, control: controlInputs(job.guess_mode ? prompt : both) };
  return new JointGuidance(new ControlledUnet(parts, conditioning), job.batch, strength);
}

class JointGuidance implements Guidance {
  readonly #model: ControlledUnet;
  readonly #batch: number;
  readonly #strength: Strength;

  constructor(model: ControlledUnet, batch: number, strength: Strength) {
    this.#model = model;
    this.#batch = batch;
    this.#strength = strength;
  }

  async predict(call: ModelCall): Promise<Prediction> {
    const { noise_pred, runMs } = await this.#model.predict(call);
    const guided = applyGuidanceToHalves(noise_pred, this.#strength.scale);
    const conditional = noise_pred.subarray(guided.length);
    return { noise_pred: rescaleGuidance(guided, conditional, this.#strength.rescale, this.#batch), runMs };
  }

  close(): Promise<void> {
    return this.#model.close();
  }
}

class SplitGuidance implements Guidance {
  readonly #parts: GuidanceParts;
  readonly #conditional: ControlledUnet;
  readonly #negative: Conditioning;
  readonly #strength: Strength;
  #distant: Promise<DistantHalf | undefined>;
  /** Opened when the half has to be computed here. */
  #unconditional: ControlledUnet | undefined;

  constructor(
    parts: GuidanceParts,
    job: { readonly one: Conditioning; readonly negative: TensorMap; readonly strength: Strength },
    openDistant: OpenDistant,
  ) {
    const { one, negative, strength } = job;
    this.#parts = parts;
    this.#strength = strength;
    this.#conditional = new ControlledUnet(parts, one);
    const controlnets = one.guess_mode ? [] : one.controlnets; // guess mode controls the conditional half alone
    const name = `${one.name}-unconditional`;
    this.#negative = { ...one, name, controlnets, given: negative, control: controlInputs(negative) };
    this.#distant = openDistant(this.#negative);
    this.#distant.catch(() => {}); // told by the first call
  }

  async predict(call: ModelCall): Promise<Prediction> {
    const distant = await this.#distant;
    const [conditional, elsewhere] = await Promise.all([
      this.#conditional.predict(call),
      distant && this.#ask(distant, call),
    ]);
    const unconditional = elsewhere ?? (await this.#predictHere(call));
    const { scale, rescale } = this.#strength;
    const guided = applyGuidance(unconditional.noise_pred, conditional.noise_pred, scale);
    const noise_pred = rescaleGuidance(guided, conditional.noise_pred, rescale, this.#negative.batch);
    return { noise_pred, runMs: conditional.runMs + (elsewhere ? 0 : unconditional.runMs) };
  }

  async close(): Promise<void> {
    const distant = await this.#distant.catch(() => undefined);
    await Promise.all([this.#conditional.close(), this.#unconditional?.close(), distant?.close()]);
  }

  /** Undefined, now and from now on, when the other denoiser has been lost or has work of its own. */
  async #ask(distant: DistantHalf, call: ModelCall): Promise<Prediction | undefined> {
    try {
      return await distant.predict(call);
    } catch (thrown) {
      if (call.signal.aborted || MeshError.from(thrown).retry === 'never') throw thrown;
      this.#distant = Promise.resolve(undefined);
      void distant.close(); // does not fail
      return undefined;
    }
  }

  #predictHere(call: ModelCall): Promise<Prediction> {
    this.#unconditional ??= new ControlledUnet(this.#parts, this.#negative);
    return this.#unconditional.predict(call);
  }
}
