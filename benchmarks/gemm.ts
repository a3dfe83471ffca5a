/** The peak of the runtime on this machine: plain products of matrices. */
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { gemmModel } from '#shared/session/worker/gemm-model.ts';
import { sessionOptions } from '#shared/session/worker/session-options.ts';

/** Rows, common axis, columns: those of large layers of the UNet, and a cube. */
const GEMM_SHAPES = [
  [1280, 1280, 4096],
  [4096, 1280, 1280],
  [2048, 2048, 2048],
] as const;
const GEMM_RUNS = 5;

/** See the head of this file. */
export class Gemm {
  /** GFLOP/s by shape. */
  readonly samples: Record<string, number[]> = {};
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** With the options and threads of a device. */
  static async open(): Promise<Gemm> {
    const options = sessionOptions({ provider: { name: 'cpu' }, threads: availableParallelism() });
    return new Gemm(await InferenceSession.create(gemmModel(), options));
  }

  /** GFLOP/s of the fastest product so far. */
  get best(): number {
    return Math.max(...Object.values(this.samples).flat());
  }

  /** Each shape some times. */
  async run(): Promise<void> {
    for (const [rows, common, columns] of GEMM_SHAPES) {
      const matrix = (height: number, width: number): Tensor =>
        new Tensor('float32', new Float32Array(height * width).fill(0.5), [height, width]);
      const feeds = { A: matrix(rows, common), B: matrix(common, columns), C: matrix(rows, columns) };
      const name = `${rows}×${common}×${columns}`;
      const rates = this.samples[name] ?? [];
      this.samples[name] = rates;
      for (let i = 0; i < GEMM_RUNS; i++) {
        const startedMs = performance.now();
        await this.#session.run(feeds);
        const rate = (2 * rows * common * columns) / (performance.now() - startedMs) / 1e6;
        rates.push(Math.round(rate));
      }
    }
  }
}
