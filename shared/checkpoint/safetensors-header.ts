/**
 * The header of a safetensors file, treated as hostile: nothing in it is believed before it was checked against a limit or
 * the file's size. Rules of the format: https://github.com/huggingface/safetensors#format
 */
import { MeshError } from '#shared/errors/errors.ts';
import { bytesPerElement, type DType, type Shape } from '#shared/tensor/tensor.ts';
import { isRecord } from './json-file.ts';

/** Bytes; the format's own limit. */
export const MAX_HEADER_BYTES = 100_000_000;
/** The largest known checkpoints have some 10 000. */
const MAX_TENSORS = 200_000;
/** Characters; the longest name in use, a LoRA key of SDXL, has under 150. */
const MAX_NAME_LENGTH = 1024;
const MAX_RANK = 8;

const DTYPES: Readonly<Record<string, DType>> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  I64: 'i64',
  I32: 'i32',
  I16: 'i16',
  I8: 'i8',
  U32: 'u32',
  U16: 'u16',
  U8: 'u8',
  BOOL: 'bool',
};

/** The format's name of a dtype. */
export function formatDType(dtype: DType): string {
  return Object.keys(DTYPES).find((name) => DTYPES[name] === dtype)!;
}

/** Where one tensor lies: `offset` and `length` in bytes, the offset from the start of the file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly offset: number;
  readonly length: number;
  /** The bytes are those of the transpose: set by who gives the tensor another name, never by a header. */
  readonly isTransposed?: boolean;
}

/** What a header says, once it was checked. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** `__metadata__`: text by name; empty where there is none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What is left of the file for data. */
interface DataRange {
  readonly start: number;
  readonly length: number;
}

/** SAFETENSORS_INVALID that names the file. */
export function invalid(path: string, problem: string, details: Record<string, unknown> = {}): MeshError {
  return new MeshError('SAFETENSORS_INVALID', `${path} is no valid safetensors file: ${problem}.`, {
    file: path,
    ...details,
  });
}

/**
 * Reads a header's bytes.
 *
 * bytes  the JSON of the header, without the length before it
 * data   where the tensors' bytes lie in the file
 * @throws MeshError SAFETENSORS_INVALID, naming file and tensor
 */
export function parseHeader(path: string, bytes: Uint8Array, data: DataRange): SafetensorsHeader {
  const { __metadata__: metadata, ...entries } = parseJson(path, bytes);
  const names = Object.keys(entries);
  if (names.length > MAX_TENSORS) throw invalid(path, `it lists ${names.length} tensors, ${MAX_TENSORS} are allowed`);
  const tensors = names.map((name) => parseEntry(path, name, entries[name], data));
  checkCoverage(path, tensors, data);
  return { tensors: new Map(tensors.map((entry) => [entry.name, entry])), metadata: parseMetadata(path, metadata) };
}

function parseJson(path: string, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let parsed: unknown;
  let twice: string | undefined;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    parsed = JSON.parse(text);
    twice = findDuplicateKey(text);
  } catch (cause) {
    throw invalid(path, `its header is no JSON (${(cause as Error).message})`);
  }
  if (!isRecord(parsed) || !text.startsWith('{')) throw invalid(path, 'its header is no JSON object');
  if (twice !== undefined) throw invalid(path, `"${twice}" occurs twice in its header`, { tensor: twice });
  return parsed;
}

/** Strings and what gives them a place; strings with few backtracking points, because trainers write megabytes into one. */
const JSON_TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}:]/g;

/** JSON.parse keeps the last of equal keys without a word; two readers could then see two different tensors. */
function findDuplicateKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  let last = '';
  for (const [token] of json.matchAll(JSON_TOKENS)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (token !== ':') last = token;
    else {
      const key = JSON.parse(last) as string;
      if (open.at(-1)!.has(key)) return key;
      open.at(-1)!.add(key);
    }
  }
  return undefined;
}

function parseMetadata(path: string, metadata: unknown): Record<string, string> {
  if (metadata === undefined || metadata === null) return {};
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw invalid(path, '__metadata__ has to be an object of strings');
  }
  return metadata as Record<string, string>;
}

function parseEntry(path: string, name: string, entry: unknown, data: DataRange): TensorEntry {
  if (name.length > MAX_NAME_LENGTH) throw invalid(path, `a tensor's name has ${name.length} characters`);
  const bad = (problem: string): MeshError => invalid(path, `${name}: ${problem}`, { tensor: name });
  if (!isRecord(entry)) throw bad('its entry is no object');
  const { dtype: dtypeName, shape, data_offsets: offsets } = entry;
  const dtype = typeof dtypeName === 'string' && Object.hasOwn(DTYPES, dtypeName) ? DTYPES[dtypeName] : undefined;
  if (!dtype) throw bad(`dtype ${JSON.stringify(dtypeName)} is not supported`);
  if (!isCounts(shape) || shape.length > MAX_RANK) throw bad(`shape ${JSON.stringify(shape)} is impossible`);
  if (!isCounts(offsets) || offsets.length !== 2) throw bad(`data_offsets ${JSON.stringify(offsets)} are impossible`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > data.length) {
    throw bad(`bytes ${begin} to ${end} lie outside of the ${data.length} bytes of data (is the file cut off?)`);
  }
  const needed = exactBytes(shape, dtype);
  if (needed !== BigInt(end - begin)) throw bad(`${end - begin} bytes do not fill ${dtype} [${shape.join(', ')}]`);
  return { name, dtype, shape, offset: data.start + begin, length: end - begin };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** In BigInt: a product of hostile dims overflows a double's 53 bits long before it reaches a file's size. */
function exactBytes(shape: readonly number[], dtype: DType): bigint {
  return shape.reduce((product, size) => product * BigInt(size), BigInt(bytesPerElement(dtype)));
}

/** The format allows neither overlap nor hole: sorted by offset, each tensor begins where the one before ended. */
function checkCoverage(path: string, tensors: readonly TensorEntry[], data: DataRange): void {
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset || a.length - b.length);
  let end = data.start;
  for (const { name, offset, length } of sorted) {
    if (offset !== end) {
      const what = offset < end ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw invalid(path, `${name} ${what}`, { tensor: name });
    }
    end += length;
  }
  const rest = data.start + data.length - end;
  if (rest > 0) throw invalid(path, `${rest} bytes at its end belong to no tensor`);
}
