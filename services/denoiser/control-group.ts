/**
 * The ControlNets of a job together: what they say is summed. With `controlnet_every` it is used again for the calls that follow, since
 * it changes little from step to step, and nobody is asked.
 */
import type { TensorMap } from '#shared/tensor/tensor.ts';
import { type ControlSession, latentsTensor } from './control.ts';
import { sumResiduals, withZeroUnconditional } from './residuals.ts';

/** What comes to the UNet: residuals, those of an earlier call, which lie on the device, or none. */
export type StepResiduals = TensorMap | 'kept' | undefined;

/** A call of the model, as ControlNets see it. */
export interface ControlledCall {
  /** From 0. */
  readonly index: number;
  readonly timestep: number;
  /** f32 [B, 4, h, w], scaled for the model; not handed over. */
  readonly latents: Float32Array;
}

/** What the group's ControlNets have in common. */
export interface GroupOptions {
  /** Calls that one answer is for. */
  readonly every: number;
  /** Whether they see the conditional half alone: the other one gets zeros. */
  readonly seesHalf: boolean;
  /** Of the pictures; height and width are latent pixels. */
  readonly latentShape: { readonly batch: number; readonly height: number; readonly width: number };
}

/** See the head of this file. */
export class ControlGroup {
  readonly #sessions: readonly ControlSession[];
  readonly #options: GroupOptions;
  /** The call that was answered last, and by whom. */
  #answered: { readonly index: number; readonly acting: string } | undefined;

  constructor(sessions: readonly ControlSession[], options: GroupOptions) {
    this.#sessions = sessions;
    this.#options = options;
  }

  /** Whether what is said in one call must stay on the device for others. */
  get keeps(): boolean {
    return this.#options.every > 1 && this.#sessions.length > 0;
  }

  /** The sum over the ControlNets that act in this call. @throws MeshError what `ControlSession.step` throws */
  async residuals({ index, latents, timestep }: ControlledCall): Promise<StepResiduals> {
    const acting = this.#sessions.map((session) => Number(session.actsIn(index))).join('');
    if (this.#isAnswered(index, acting)) {
      for (const session of this.#sessions) session.skip(index);
      return acting.includes('1') ? 'kept' : undefined;
    }
    const { seesHalf, latentShape } = this.#options;
    const seen = latentsTensor(latents, latentShape);
    const all = await Promise.all(this.#sessions.map((session) => session.step(index, seen, timestep)));
    this.#answered = { index, acting };
    const sum = sumResiduals(all.filter((residuals) => residuals !== undefined));
    return sum && seesHalf ? withZeroUnconditional(sum) : sum;
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }

  /** Asked anew at least at every so many-th call, counted from the run's first, and when others act: so a run that goes on does as well. */
  #isAnswered(index: number, acting: string): boolean {
    const latest = index - (index % this.#options.every);
    const answered = this.#answered;
    return answered !== undefined && answered.acting === acting && answered.index >= latest && answered.index < index;
  }
}
