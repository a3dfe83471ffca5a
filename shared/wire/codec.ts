/**
 * Messages as bytes: format LMW1, docs/wire-format.md. The only user of msgpackr.
 *
 * Owns      the byte layout, and what of it is believed.
 * Talks to  nobody: bytes in, message out.
 *
 * W1  Encoding copies no tensor: each is a segment that views the caller's data.
 * W2  Decoding copies no tensor either, unless the bytes start off the 8-byte grid: then all of them once. Every tensor
 *     is a view on that one buffer, and its offset suits its dtype.
 * W3  decode(join(encode(m))) equals m; properties that are undefined are left out, as in JSON.
 * W4  Whatever bytes come in, decode returns a message or throws WIRE_INVALID, and allocates no more than a small
 *     multiple of their length.
 * W5  No name in a message reaches a prototype.
 */
import { Packr } from 'msgpackr';
import { MeshError } from '#shared/errors/errors.ts';
import {
  bytesPerElement,
  type DType,
  dataBytes,
  elementCount,
  type Shape,
  showShape,
  sizeBytes,
  type Tensor,
  type TensorMap,
  viewBytes,
} from '#shared/tensor/tensor.ts';
import type { Message } from './message.ts';
import { checkPlainMsgpack } from './msgpack-check.ts';
import type { Segments } from './segments.ts';

/** "LMW1" read as a little-endian u32. */
const MAGIC = 0x31574d4c;
/** Magic and head length. */
const PREFIX_BYTES = 8;
/** Alignment of every tensor: that of the widest element. */
const ALIGNMENT = 8;
/** The LoRA factors of an SDXL UNet and its text encoders are under 4000 tensors. */
const MAX_TENSORS = 16_384;
const MAX_RANK = 8;

const ZEROS = new Uint8Array(ALIGNMENT);
const DTYPES: readonly DType[] = ['f32', 'f16', 'bf16', 'f64', 'i64', 'i32', 'i16', 'i8', 'u8', 'u16', 'u32', 'bool'];

/** `skipValues` and 'auto' (a 64-bit integer is a number where it is exact) are missing from the library's types. */
const OPTIONS: object = {
  useRecords: false,
  mapsAsObjects: true,
  encodeUndefinedAsNil: true,
  skipValues: [undefined],
  int64AsType: 'auto',
};
const packr = new Packr(OPTIONS);

/** Name, dtype and shape of one tensor, as it stands in the head. */
type TableRow = readonly [name: string, dtype: DType, shape: Shape];

const paddingOf = (length: number): number => (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;

/**
 * The bytes of a message, in segments. Tensor segments view the caller's data: leave it alone until it is sent.
 * @throws MeshError WIRE_INVALID when the body is no plain data, WRONG_SHAPE when a tensor's data does not fill its shape
 */
export function encode(message: Message): Segments {
  const table: TableRow[] = [];
  const segments: Uint8Array[] = [ZEROS];
  for (const [name, tensor] of Object.entries(message.tensors)) {
    table.push([name, tensor.dtype, tensor.shape]);
    pushTensor(segments, name, tensor);
  }
  segments[0] = encodeHead(message.body, table);
  return segments;
}

function pushTensor(segments: Uint8Array[], name: string, tensor: Tensor): void {
  const bytes = dataBytes(tensor);
  if (bytes.byteLength !== sizeBytes(tensor)) {
    throw new MeshError('WRONG_SHAPE', `The data of ${name} does not fill ${showShape(tensor.shape)}.`, { name });
  }
  const padding = paddingOf(bytes.byteLength);
  segments.push(bytes);
  if (padding > 0) segments.push(ZEROS.subarray(0, padding));
}

function encodeHead(body: unknown, table: readonly TableRow[]): Uint8Array {
  const packed = pack([body, table]);
  const head = new Uint8Array(PREFIX_BYTES + packed.byteLength + paddingOf(packed.byteLength));
  const view = new DataView(head.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, packed.byteLength, true);
  head.set(packed, PREFIX_BYTES);
  return head;
}

/** Msgpack of a value without tensors, for doors that speak it. @throws MeshError WIRE_INVALID when it is no plain data */
export function packPlain(value: unknown): Uint8Array {
  return pack(value);
}

/** The value in these bytes; its byte fields view them. @throws MeshError WIRE_INVALID */
export function unpackPlain(bytes: Uint8Array): unknown {
  return unpack(bytes);
}

function pack(value: unknown): Uint8Array {
  try {
    const packed = packr.pack(value);
    checkPlainMsgpack(packed);
    return packed;
  } catch (error) {
    throw new MeshError(
      'WIRE_INVALID',
      `The message cannot be sent: ${(error as Error).message}`,
      {},
      { cause: error },
    );
  }
}

/**
 * The message in these bytes, which must hold exactly one. Its tensors and byte fields view them: whoever holds the
 * message holds the bytes.
 * @throws MeshError WIRE_INVALID
 */
export function decode(bytes: Uint8Array): Message {
  const aligned = align(bytes);
  const headBytes = readPrefix(aligned);
  const head = unpack(aligned.subarray(PREFIX_BYTES, PREFIX_BYTES + headBytes));
  const { body, table } = readHead(head);
  const start = PREFIX_BYTES + headBytes + paddingOf(headBytes);
  return { body, tensors: readTensors(aligned, start, table) };
}

/** On the 8-byte grid, and a plain Uint8Array, so that byte fields of the body come out as such. */
function align(bytes: Uint8Array): Uint8Array {
  if (bytes.byteOffset % ALIGNMENT !== 0) return new Uint8Array(bytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readPrefix(bytes: Uint8Array): number {
  if (bytes.byteLength < PREFIX_BYTES) throw invalid('it is shorter than its prefix');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw invalid('it does not start with LMW1');
  const headBytes = view.getUint32(4, true);
  if (headBytes > bytes.byteLength - PREFIX_BYTES) throw invalid('its head is cut off');
  return headBytes;
}

function unpack(bytes: Uint8Array): unknown {
  checkPlainMsgpack(bytes);
  try {
    return packr.unpack(bytes);
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

function readHead(head: unknown): { body: unknown; table: readonly TableRow[] } {
  if (!Array.isArray(head) || head.length !== 2) throw invalid('its head is no pair');
  const [body, table] = head as [unknown, unknown];
  if (!Array.isArray(table) || table.length > MAX_TENSORS) throw invalid('its tensor table is no list');
  return { body, table: table.map(readRow) };
}

function readRow(row: unknown): TableRow {
  if (!Array.isArray(row) || row.length !== 3) throw invalid('a row of its tensor table is no triple');
  const [name, dtype, shape] = row as [unknown, unknown, unknown];
  if (typeof name !== 'string' || name === '__proto__') throw invalid('a tensor has no usable name');
  if (!DTYPES.includes(dtype as DType)) throw invalid(`${name} has no known dtype`);
  if (!isShape(shape)) throw invalid(`${name} has no usable shape`);
  return [name, dtype as DType, shape];
}

function isShape(shape: unknown): shape is Shape {
  if (!Array.isArray(shape) || shape.length > MAX_RANK) return false;
  return shape.every((size) => Number.isSafeInteger(size) && size >= 0) && Number.isSafeInteger(elementCount(shape));
}

function readTensors(bytes: Uint8Array, start: number, table: readonly TableRow[]): TensorMap {
  const tensors: Record<string, Tensor> = {};
  let offset = start;
  for (const [name, dtype, shape] of table) {
    const length = elementCount(shape) * bytesPerElement(dtype);
    if (length > bytes.byteLength - offset) throw invalid(`the data of ${name} is cut off`);
    if (Object.hasOwn(tensors, name)) throw invalid(`${name} is there twice`);
    tensors[name] = { dtype, shape, data: viewBytes(dtype, bytes.subarray(offset, offset + length)) };
    offset += length + paddingOf(length);
  }
  if (offset !== bytes.byteLength) throw invalid('it is not as long as its parts');
  return tensors;
}

function invalid(why: string): MeshError {
  return new MeshError('WIRE_INVALID', `The bytes are no message of this mesh: ${why}. Do both sides run one version?`);
}
