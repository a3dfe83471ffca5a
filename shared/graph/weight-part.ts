/** A weight as a graph takes it: all of it or some rows, in the shape of the checkpoint or another. */
import { bytesPerElement, elementCount, type Shape, showShape } from '#shared/tensor/tensor.ts';
import type { Weight, WeightLocation } from '#shared/tensor/weight.ts';

/** First and one-past-last row of a weight's first axis. */
export type Rows = readonly [number, number];

/** Which part of a weight is meant. */
export interface WeightPart {
  readonly rows?: Rows;
  /** The shape it has in the graph, of as many elements. */
  readonly viewedAs?: Shape;
}

/** The name of a part: equal parts have equal names. */
export function partName(weight: Weight, { rows, viewedAs }: WeightPart): string {
  const range = rows ? `[${rows[0]}:${rows[1]}]` : '';
  return `${weight.name}${range}${viewedAs ? ` as ${showShape(viewedAs)}` : ''}`;
}

/** The shape a part has in the graph. */
export function partShape({ shape }: Weight, { rows, viewedAs }: WeightPart): Shape {
  if (viewedAs) return viewedAs;
  return rows ? [rows[1] - rows[0], ...shape.slice(1)] : shape;
}

/** Rows lie one after another, so some of them are a range of the weight's bytes. */
export function partLocation({ location, shape, dtype }: Weight, { rows }: WeightPart): WeightLocation {
  if (!rows) return location;
  const rowBytes = elementCount(shape.slice(1)) * bytesPerElement(dtype);
  return { ...location, offset: location.offset + rows[0] * rowBytes, length: (rows[1] - rows[0]) * rowBytes };
}
