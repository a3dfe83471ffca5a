/**
 * The one graph that this area writes itself: `Y = A @ B + C`, or without C, of any sizes, f32. It patches weights (see
 * `patcher.ts`) and is the smallest question whether a device can be used at all.
 *
 * Source: the field numbers are those of onnx.proto, https://github.com/onnx/onnx/blob/v1.19.0/onnx/onnx.proto
 */

const IR_VERSION = 8n;
const OPSET = 13n;
const ELEMENT_FLOAT = 1n;

/** Wire format of protobuf: a varint (type 0) or length-delimited bytes (type 2) behind a tag. */
function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)];
}

function field(number: number, value: bigint | string | number[]): number[] {
  if (typeof value === 'bigint') return [number << 3, ...varint(value)];
  const bytes = typeof value === 'string' ? [...Buffer.from(value)] : value;
  return [(number << 3) | 2, ...varint(BigInt(bytes.length)), ...bytes];
}

/** A ValueInfoProto: a name with two named dimensions. */
function matrix(name: string, rows: string, columns: string): number[] {
  const shape = [rows, columns].flatMap((dimension) => field(1, field(2, dimension)));
  const tensorType = [...field(1, ELEMENT_FLOAT), ...field(2, shape)];
  return [...field(1, name), ...field(2, field(1, tensorType))];
}

/** The serialised ModelProto: inputs A [O, R], B [R, N] and, with `hasSum`, C [O, N]; output Y [O, N]. */
export function gemmModel({ hasSum = true } = {}): Uint8Array {
  const names = hasSum ? ['A', 'B', 'C'] : ['A', 'B'];
  const node = [...names.flatMap((input) => field(1, input)), ...field(2, 'Y'), ...field(4, 'Gemm')];
  const inputs = [matrix('A', 'O', 'R'), matrix('B', 'R', 'N'), matrix('C', 'O', 'N')].slice(0, names.length);
  const graph = [
    ...field(1, node),
    ...field(2, 'gemm'),
    ...inputs.flatMap((input) => field(11, input)),
    ...field(12, matrix('Y', 'O', 'N')),
  ];
  return Uint8Array.from([...field(1, IR_VERSION), ...field(7, graph), ...field(8, field(2, OPSET))]);
}
