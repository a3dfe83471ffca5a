/** Convolutions, and the two layers that change a picture's size. */
import type { GraphBuilder } from '../builder.ts';
import { conv, type Padding } from '../ops/dense.ts';
import { add } from '../ops/elementwise.ts';
import { resizeNearest } from '../ops/layout.ts';
import type { Value } from '../value.ts';

/** How a convolution is built. Kernels are square. */
export interface ConvOptions {
  /** Output channels. */
  readonly channels: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly hasBias?: boolean;
  /** On every side; half the kernel by default, which keeps the size. */
  readonly padding?: number | Padding;
}

const NO_PADDING = onEverySide(0);

/** A convolution, by the weights `<name>.weight` and `<name>.bias`, and its side branch. */
export function conv2d(g: GraphBuilder, x: Value, name: string, options: ConvOptions): Value {
  const { channels, kernel = 3, stride = 1, hasBias = true, padding = (kernel - 1) / 2 } = options;
  return g.scope(name, () => {
    const shape = [channels, x.shape[1]!, kernel, kernel];
    const weight = g.adaptableWeight('weight', shape);
    const bias = hasBias ? { bias: g.weight('bias', [channels]) } : {};
    const sides = typeof padding === 'number' ? onEverySide(padding) : padding;
    const whole = conv(g, x, { weight, ...bias }, { stride, padding: sides });
    const branch = g.branch('weight', shape);
    if (!branch) return whole;
    const inner = conv(g, x, { weight: branch.down }, { stride, padding: sides });
    return add(g, whole, conv(g, inner, { weight: branch.up }, { stride: 1, padding: NO_PADDING }));
  });
}

/** Half the size by a strided convolution. */
export function downsample(g: GraphBuilder, x: Value, name: string, padding: number | Padding): Value {
  return g.scope(name, () => conv2d(g, x, 'conv', { channels: x.shape[1]!, stride: 2, padding }));
}

/** To `size` (height, width) by nearest neighbours, then a convolution. */
export function upsample(g: GraphBuilder, x: Value, name: string, size: readonly [number, number]): Value {
  return g.scope(name, () => conv2d(g, resizeNearest(g, x, size), 'conv', { channels: x.shape[1]! }));
}

function onEverySide(pixels: number): Padding {
  return { top: pixels, left: pixels, bottom: pixels, right: pixels };
}
