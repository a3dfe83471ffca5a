/** What the graph area hands on: an ONNX model as bytes, and what has to be fed to it. Plain data, crosses threads. */
import type { DType, Shape } from '#shared/tensor/tensor.ts';
import type { Weight } from '#shared/tensor/weight.ts';

/** An input or output of a graph. Shapes are static: one graph per (batch, height, width). */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * A graph input that is filled from a weight instead of by the caller, so that another array (a LoRA-patched one) can be
 * fed without touching the session.
 */
export interface FedWeight {
  /** Name of the graph input. */
  readonly input: string;
  /** The weight in the checkpoint; LoRA factors are keyed by `weight.name`. */
  readonly weight: Weight;
  /** First and one-past-last row of the weight's first axis, where the input takes only part of it (GEGLU's halves). */
  readonly rows?: readonly [number, number];
  /** Shape of the graph input. */
  readonly shape: Shape;
}

/**
 * Low-rank side branches: `y = W x + up (down x)` for every layer whose weight a LoRA may change. All of one rank, so that
 * one graph serves every set of LoRAs; factors that a set lacks are zeros.
 */
export interface Branches {
  readonly rank: number;
  /** Whether convolutions with a kernel above 1 have one too: they cost, and most LoRAs leave them alone. */
  readonly hasKernels: boolean;
}

/** How the weights that a LoRA may change enter a graph; all are fed by default, and there are no branches. */
export interface WeightVariant {
  readonly weightMode?: (weightName: string) => 'fed' | 'constant';
  readonly branches?: Branches | undefined;
}

/** A graph input that is filled from a factor of a LoRA. */
export interface FedFactor {
  /** Name of the graph input. */
  readonly input: string;
  /** `<weight>.down`, `<weight>.up`. */
  readonly factor: string;
  /** As of {@link FedWeight.rows}, of `up`. */
  readonly rows?: readonly [number, number];
  /** Shape of the graph input: `down` [R, I, K, K], `up` [O, R, 1, 1]; of a linear layer without the last two. */
  readonly shape: Shape;
}

/** What one run takes. */
export interface GraphCost {
  /** Floating-point operations of convolutions, products and attention, two for each multiply-add. */
  readonly flops: number;
  /** Bytes alive at the worst moment: what is fed, what is put out and everything between, without weights. */
  readonly activationBytes: number;
}

/** A serialised ONNX model with its ports. Constants lie in external files, relative to `folder`. */
export interface GraphModel {
  /** For logs, spans and errors: `unet.down 2x64x64`. */
  readonly name: string;
  /** The ModelProto. */
  readonly bytes: Uint8Array;
  /** Absolute folder of the external data; the checkpoint's own. */
  readonly folder: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly fedWeights: readonly FedWeight[];
  /** Of its side branches, where it has any. */
  readonly fedFactors?: readonly FedFactor[];
  readonly cost: GraphCost;
}
