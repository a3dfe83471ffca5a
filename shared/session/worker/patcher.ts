/** Applies adapters to weights, by Gemm sessions of any sizes. Always on the CPU: that is where the arrays are. */
import { InferenceSession } from 'onnxruntime-node';
import type { Tensor } from '#shared/tensor/tensor.ts';
import type { Factors } from '../factors.ts';
import { changed } from './change-arithmetic.ts';
import { gemmModel } from './gemm-model.ts';
import { floats, toOrt } from './ort-tensor.ts';
import { sessionOptions } from './session-options.ts';

/** See the head of this file. */
export class Patcher {
  readonly #threads: number;
  #sum: Promise<InferenceSession> | undefined;
  #product: Promise<InferenceSession> | undefined;

  constructor(threads: number) {
    this.#threads = threads;
  }

  /**
   * A weight with its changes, in a new array.
   *
   * weight   f32 [O, I·K·K], not written
   */
  async patched(weight: Float32Array, { factors, changes, shape }: Factors): Promise<Float32Array<ArrayBuffer>> {
    const sum = factors ? await this.#add(factors.up, factors.down, weight) : weight.slice();
    const multiply = (a: Tensor, b: Tensor): Promise<Float32Array<ArrayBuffer>> => this.#multiply(a, b);
    for (const change of changes) addTo(sum, await changed(change, { weight, shape, multiply }));
    return sum as Float32Array<ArrayBuffer>;
  }

  async close(): Promise<void> {
    for (const session of [this.#sum, this.#product]) await (await session)?.release();
  }

  /** up @ down + weight */
  async #add(up: Tensor, down: Tensor, weight: Float32Array): Promise<Float32Array> {
    this.#sum ??= this.#open(gemmModel());
    const session = await this.#sum;
    const shape = [up.shape[0]!, down.shape[1]!];
    const { Y } = await session.run({ A: toOrt(up), B: toOrt(down), C: floats(weight, shape) });
    return Y!.data as Float32Array;
  }

  async #multiply(a: Tensor, b: Tensor): Promise<Float32Array<ArrayBuffer>> {
    this.#product ??= this.#open(gemmModel({ hasSum: false }));
    const session = await this.#product;
    const { Y } = await session.run({ A: toOrt(a), B: toOrt(b) });
    return Y!.data as Float32Array<ArrayBuffer>;
  }

  #open(model: Uint8Array): Promise<InferenceSession> {
    return InferenceSession.create(model, sessionOptions({ provider: { name: 'cpu' }, threads: this.#threads }));
  }
}

function addTo(sum: Float32Array, change: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += change[i]!;
}
