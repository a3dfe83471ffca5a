/** One half of a guided job, computed by a second denoiser. */
import * as contract from '#shared/contracts/denoiser.ts';
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';
import type { PinnedLora } from '#shared/contracts/lora.ts';
import type { MeshCallOptions, MeshClient } from '#shared/placement/mesh-client.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import { f32, pick } from '#shared/tensor/tensor.ts';
import type { Conditioning, ModelCall, Prediction } from './controlled-unet.ts';

/** Who asks, and who may be asked. */
export interface DistantParts {
  readonly mesh: MeshClient;
  /** This instance. */
  readonly instance: string;
  /** The denoisers of the mesh. */
  readonly denoisers: () => readonly Heartbeat[];
}

/** See the head of this file. */
export class DistantHalf {
  readonly #mesh: MeshClient;
  readonly #conditioning: Conditioning;
  readonly #instance: string;

  private constructor(mesh: MeshClient, conditioning: Conditioning, instance: string) {
    this.#mesh = mesh;
    this.#conditioning = conditioning;
    this.#instance = instance;
  }

  /** Undefined when no other denoiser is idle, or the one that seemed so has got something to do. */
  static async open(
    { mesh, instance, denoisers }: DistantParts,
    conditioning: Conditioning,
    loras: readonly PinnedLora[],
  ): Promise<DistantHalf | undefined> {
    const idle = denoisers().find((one) => one.instance !== instance && one.load === 0 && !one.leaving);
    if (!idle) return undefined;
    const half = new DistantHalf(mesh, conditioning, idle.instance);
    return (await half.#open(instance, loras).catch(() => false)) ? half : undefined;
  }

  /** @throws MeshError ACTOR_LOST when the half is not there any more; what the model throws there */
  async predict({ index, timestep, latents, isAdapted, signal }: ModelCall): Promise<Prediction> {
    const { name: half, batch } = this.#conditioning;
    const request = { half, call: index, timestep, is_adapted: isAdapted };
    const given = f32(this.#latentShape(latents.length / batch), latents);
    const { body, tensors } = await this.#mesh.call(
      contract.assistStep,
      request,
      { latents: given },
      { ...this.#options(), signal },
    );
    return { noise_pred: pick(tensors, 'noise_pred', 'f32', given.shape).data, runMs: body.run_ms };
  }

  /** Gives the other denoiser free; failures do not matter, it forgets the half when it needs the device. */
  async close(): Promise<void> {
    const options = { ...this.#options(), signal: new AbortController().signal };
    await this.#mesh.call(contract.assistEnd, { half: this.#conditioning.name }, {}, options).catch(() => {});
  }

  async #open(asker: string, loras: readonly PinnedLora[]): Promise<boolean> {
    const { name: half, height, width, guess_mode, controlnets, hints, given, calls } = this.#conditioning;
    const request = {
      half,
      asker,
      height,
      width,
      guess_mode,
      controlnets: [...controlnets],
      loras: [...loras],
      calls,
    };
    const { body } = await this.#mesh.call(contract.assist, request, { ...hints, ...given }, this.#options());
    return body.is_accepted;
  }

  #options(): MeshCallOptions {
    const { deadlineUnixMs, signal } = this.#conditioning;
    return { deadlineUnixMs, signal, instance: this.#instance };
  }

  /** [B, C, h, w] */
  #latentShape(countPerPicture: number): number[] {
    const { batch, height, width } = this.#conditioning;
    const [h, w] = [height / VAE_FACTOR, width / VAE_FACTOR];
    return [batch, countPerPicture / (h * w), h, w];
  }
}
