/**
 * Checkpoints of one job. What the model said is written down as it is said, and said again, instead of computed, to a run that
 * goes on with the job. Everything around the model is a function of that and of the request, so the picture stays the same, bit
 * for bit, with every sampler, and the random numbers go on where they were.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Checkpoint } from '#shared/contracts/checkpoint.ts';
import type { DenoiseRequest } from '#shared/contracts/denoiser.ts';
import { dataBytes, f32, type TensorMap } from '#shared/tensor/tensor.ts';
import { encode } from '#shared/wire/codec.ts';
import { message } from '#shared/wire/message.ts';
import { join } from '#shared/wire/segments.ts';
import { joinPieces, type Known } from './checkpoint-pieces.ts';
import type { ModelCall, Prediction } from './controlled-unet.ts';
import type { Guidance } from './guidance.ts';

/** Where checkpoints are kept. */
export interface CheckpointStore {
  /** Does not wait and does not fail. */
  write(job: string, piece: Uint8Array): void;
  /** What was written for a job, in its order. */
  read(job: string): Promise<Uint8Array[]>;
  /** Calls of the model between two checkpoints. */
  readonly everyCalls: number;
  /** The model that is served: outputs of another one are of no use. */
  readonly model: string;
}

/** Numbers of one piece, half a MiB: fits any server's message. */
const PIECE_COUNT = 128 * 1024;

/** See the head of this file. */
export class Checkpoints {
  readonly #store: CheckpointStore;
  readonly #job: string;
  readonly #known: Known | undefined;
  /** Numbers of one call. */
  readonly #count: number;
  readonly #origin: Pick<Checkpoint, 'digest' | 'run'>;
  #calls: number;
  #waiting: Float32Array[] = [];
  /** Numbers of this run. */
  #written = 0;

  private constructor(
    store: CheckpointStore,
    of: {
      readonly job: string;
      readonly digest: string;
      readonly count: number;
      readonly known: Known | undefined;
    },
  ) {
    this.#store = store;
    this.#job = of.job;
    this.#count = of.count;
    this.#known = of.known;
    this.#calls = of.known ? Math.floor(of.known.numbers.length / of.count) : 0;
    this.#origin = { digest: of.digest, run: randomUUID() };
  }

  /**
   * Looks for what is known of a job. A store that does not answer knows nothing.
   *
   * count  numbers that the model says at one call: B · C · h · w
   */
  static async open(
    store: CheckpointStore,
    { body, tensors, count }: { readonly body: DenoiseRequest; readonly tensors: TensorMap; readonly count: number },
  ): Promise<Checkpoints> {
    const digest = digestOf(body, tensors, store.model);
    const messages = await store.read(body.job).catch(() => []);
    const known = messages.length > 0 ? joinPieces(messages, digest) : undefined;
    return new Checkpoints(store, { job: body.job, digest, count, known });
  }

  /** Calls of the model that need not be made. */
  get calls(): number {
    return this.#calls;
  }

  /** Before the first call: goes back to one that needs nothing of what those before it left on the device, which is lost. */
  goBackTo(canBegin: (call: number) => boolean): void {
    while (this.#calls > 0 && !canBegin(this.#calls)) this.#calls--;
  }

  /** The first step with LoRAs, from 0, where they entered already; else null. */
  get loraEnteredStep(): number | null {
    return this.#known?.loraEnteredStep ?? null;
  }

  /**
   * The model behind its checkpoints.
   *
   * loraEnteredStep  the first step with LoRAs so far
   */
  around(guidance: Guidance, loraEnteredStep: () => number | null): Guidance {
    return {
      predict: async (call: ModelCall): Promise<Prediction> => {
        const noise_pred = this.#recall(call.index);
        if (noise_pred) return { noise_pred, runMs: 0 };
        const prediction = await guidance.predict(call);
        this.#keep(prediction.noise_pred, loraEnteredStep());
        return prediction;
      },
      close: () => guidance.close(),
    };
  }

  #recall(call: number): Float32Array | undefined {
    if (call >= this.calls) return undefined;
    return this.#known!.numbers.slice(call * this.#count, (call + 1) * this.#count);
  }

  #keep(output: Float32Array, loraEnteredStep: number | null): void {
    this.#waiting.push(output);
    if (this.#waiting.length < this.#store.everyCalls) return;
    for (const one of this.#waiting) this.#write(one, loraEnteredStep);
    this.#waiting = [];
  }

  #write(output: Float32Array, lora_entered_step: number | null): void {
    const known = this.#calls * this.#count;
    const base = this.#known ? { run: this.#known.run, count: known } : null;
    for (let at = 0; at < output.length; at += PIECE_COUNT) {
      const numbers = output.subarray(at, at + PIECE_COUNT);
      const body: Checkpoint = { ...this.#origin, base, start: known + this.#written, lora_entered_step };
      this.#store.write(this.#job, join(encode(message(body, { noise_pred: f32([numbers.length], numbers) }))));
      this.#written += numbers.length;
    }
  }
}

/** Equal for requests whose outputs are equal. */
function digestOf({ job: _, ...body }: DenoiseRequest, tensors: TensorMap, model: string): string {
  const hash = createHash('sha256').update(JSON.stringify([model, body]));
  for (const name of Object.keys(tensors).sort()) {
    const tensor = tensors[name]!;
    hash.update(JSON.stringify([name, tensor.dtype, tensor.shape])).update(dataBytes(tensor));
  }
  return hash.digest('hex');
}
