/** Reading safetensors files: the header once, tensors by positioned reads. Never holds more than the tensors asked for. */
import { type FileHandle, open } from 'node:fs/promises';
import { type Tensor, viewBytes } from '#shared/tensor/tensor.ts';
import { unreadable } from './file-error.ts';
import {
  invalid,
  MAX_HEADER_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from './safetensors-header.ts';

/** Bytes of the header's length at the start of a file. */
const LENGTH_BYTES = 8;

/** A checked file: what it holds and where. */
export interface SafetensorsFile extends SafetensorsHeader {
  readonly path: string;
}

/**
 * Reads and checks a file's header; no tensor data is touched.
 * @throws MeshError FILE_UNREADABLE; SAFETENSORS_INVALID naming file and tensor.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  return withFile(path, async (handle) => {
    const { size } = await handle.stat();
    if (size < LENGTH_BYTES) throw invalid(path, `it has ${size} bytes only`);
    const lengthBytes = await readExactly(handle, path, 0, LENGTH_BYTES);
    const headerLength = Buffer.from(lengthBytes.buffer).readBigUInt64LE();
    if (headerLength > BigInt(MAX_HEADER_BYTES) || headerLength > BigInt(size - LENGTH_BYTES)) {
      throw invalid(path, `it begins with a header length of ${headerLength} bytes, the file has ${size}`);
    }
    const start = LENGTH_BYTES + Number(headerLength);
    const header = await readExactly(handle, path, LENGTH_BYTES, Number(headerLength));
    return { path, ...parseHeader(path, header, { start, length: size - start }) };
  });
}

/** One tensor of a file. @throws as {@link readTensors}. */
export async function readTensor(file: SafetensorsFile, name: string): Promise<Tensor> {
  return (await readTensors(file, [name])).get(name)!;
}

/**
 * Several tensors of a file, read one after another.
 * @throws MeshError FILE_UNREADABLE; SAFETENSORS_INVALID when a name is not in the file or the file has shrunk since.
 */
export async function readTensors(file: SafetensorsFile, names: Iterable<string>): Promise<Map<string, Tensor>> {
  return withFile(file.path, async (handle) => {
    const tensors = new Map<string, Tensor>();
    for (const name of names) {
      const { dtype, shape, offset, length } = entryOf(file, name);
      const bytes = await readExactly(handle, file.path, offset, length);
      tensors.set(name, { dtype, shape, data: viewBytes(dtype, bytes) });
    }
    return tensors;
  });
}

function entryOf(file: SafetensorsFile, name: string): TensorEntry {
  const entry = file.tensors.get(name);
  if (!entry) throw invalid(file.path, `it has no tensor ${name}`, { tensor: name });
  return entry;
}

async function withFile<Result>(path: string, use: (handle: FileHandle) => Promise<Result>): Promise<Result> {
  try {
    await using handle = await open(path, 'r');
    return await use(handle);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readExactly(handle: FileHandle, path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw invalid(path, `it ends at byte ${offset + done}; it was changed while it was read`);
    done += bytesRead;
  }
  return bytes;
}
