/** The inverse of a small matrix by Gauss and Jordan, with the largest pivot of each column. */

/** matrix [size, size], used up; returns its inverse. I − Q with a skew Q always has one: its eigenvalues are 1 ± iλ. */
export function invert(matrix: Float64Array, size: number): Float64Array {
  const inverse = Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
  for (let column = 0; column < size; column++) {
    const pivot = largestRow(matrix, size, column);
    for (const one of [matrix, inverse]) swapRows(one, size, [pivot, column]);
    const scale = 1 / matrix[column * size + column]!;
    for (const one of [matrix, inverse]) addRow(one, size, { from: column, to: column, factor: scale - 1 });
    for (let row = 0; row < size; row++) {
      const factor = row === column ? 0 : -matrix[row * size + column]!;
      for (const one of [matrix, inverse]) addRow(one, size, { from: column, to: row, factor });
    }
  }
  return inverse;
}

function addRow(matrix: Float64Array, size: number, row: { from: number; to: number; factor: number }): void {
  if (row.factor === 0) return;
  for (let j = 0; j < size; j++) matrix[row.to * size + j]! += row.factor * matrix[row.from * size + j]!;
}

function largestRow(matrix: Float64Array, size: number, column: number): number {
  let best = column;
  for (let row = column + 1; row < size; row++) {
    if (Math.abs(matrix[row * size + column]!) > Math.abs(matrix[best * size + column]!)) best = row;
  }
  return best;
}

function swapRows(matrix: Float64Array, size: number, [a, b]: readonly [number, number]): void {
  if (a === b) return;
  const row = matrix.slice(a * size, (a + 1) * size);
  matrix.copyWithin(a * size, b * size, (b + 1) * size);
  matrix.set(row, b * size);
}
