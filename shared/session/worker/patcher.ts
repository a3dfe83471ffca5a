/** Adds low-rank changes to weights, by one Gemm session of any sizes. Always on the CPU: that is where the arrays are. */
import { InferenceSession } from 'onnxruntime-node';
import type { Tensor } from '#shared/tensor/tensor.ts';
import { gemmModel } from './gemm-model.ts';
import { floats, toOrt } from './ort-tensor.ts';
import { sessionOptions } from './session-options.ts';

/** See the head of this file. */
export class Patcher {
  readonly #threads: number;
  #session: Promise<InferenceSession> | undefined;

  constructor(threads: number) {
    this.#threads = threads;
  }

  /**
   * W + up @ down, in a new array.
   *
   * weight   f32 [O, I·K·K], not written
   * up       f32 [O, R]
   * down     f32 [R, I·K·K]
   */
  async patched(weight: Float32Array, up: Tensor, down: Tensor): Promise<Float32Array<ArrayBuffer>> {
    this.#session ??= this.#open();
    const session = await this.#session;
    const shape = [up.shape[0]!, down.shape[1]!];
    const { Y } = await session.run({ A: toOrt(up), B: toOrt(down), C: floats(weight, shape) });
    return Y!.data as Float32Array<ArrayBuffer>;
  }

  async close(): Promise<void> {
    await (await this.#session)?.release();
  }

  #open(): Promise<InferenceSession> {
    return InferenceSession.create(gemmModel(), sessionOptions({ provider: { name: 'cpu' }, threads: this.#threads }));
  }
}
