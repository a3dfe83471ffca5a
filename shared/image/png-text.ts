/** The text of a PNG, read without decoding a pixel. The file is hostile: every length has a maximum. */
import { crc32, inflateSync } from 'node:zlib';
import { MeshError } from '#shared/errors/errors.ts';
import { PNG_SIGNATURE } from './png.ts';

/** Text of one chunk, after inflating; Pillow's limit too. */
export const MAX_PNG_TEXT_BYTES = 1 << 20;
/** Text of all chunks together. */
export const MAX_PNG_TEXT_TOTAL_BYTES = 4 << 20;
const MAX_KEYWORD_BYTES = 79;
const MAX_CHUNKS = 65_536;
const CHUNK_FRAME_BYTES = 12; // length, type, CRC

/**
 * Texts by keyword, from tEXt, zTXt and iTXt; the first of equal keywords wins.
 * @throws MeshError INVALID_IMAGE when the bytes are no PNG, break off, a text chunk is damaged or its text too long
 */
export function readPngText(bytes: Uint8Array): Map<string, string> {
  const png = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!png.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE)) throw invalid('it does not begin as a PNG does');
  const texts = new Map<string, string>();
  let total = 0;
  for (const { type, data } of chunks(png)) {
    const found = readers[type]?.(data);
    if (!found) continue;
    const [keyword, text] = found;
    total += text.length;
    if (total > MAX_PNG_TEXT_TOTAL_BYTES) throw invalid(`its texts are over ${MAX_PNG_TEXT_TOTAL_BYTES} characters`);
    if (!texts.has(keyword)) texts.set(keyword, text);
  }
  return texts;
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/** Chunks up to IEND. CRCs are checked of text chunks only: pixels are not looked at. */
function* chunks(png: Buffer): Generator<Chunk> {
  let offset = PNG_SIGNATURE.length;
  for (let count = 0; count < MAX_CHUNKS; count++) {
    if (offset + CHUNK_FRAME_BYTES > png.length) throw invalid(`it breaks off at byte ${png.length}`);
    const end = offset + 8 + png.readUInt32BE(offset);
    const type = png.toString('latin1', offset + 4, offset + 8);
    if (end + 4 > png.length) throw invalid(`its ${type} chunk at byte ${offset} reaches past the end`);
    if (type === 'IEND') return;
    if (type in readers && crc32(png.subarray(offset + 4, end)) !== png.readUInt32BE(end)) {
      throw invalid(`its ${type} chunk at byte ${offset} has a wrong CRC`);
    }
    yield { type, data: png.subarray(offset + 8, end) };
    offset = end + 4;
  }
  throw invalid(`it has over ${MAX_CHUNKS} chunks`);
}

type TextReader = (data: Buffer) => [keyword: string, text: string];

const readers: Readonly<Record<string, TextReader>> = {
  tEXt: (data) => {
    const [keyword, text] = cutKeyword(data);
    return [keyword, latin1(bounded(text))];
  },
  zTXt: (data) => {
    const [keyword, rest] = cutKeyword(data);
    return [keyword, latin1(inflateBounded(rest.subarray(1)))];
  },
  iTXt: (data) => {
    const [keyword, rest] = cutKeyword(data);
    const [, afterLanguage] = cut(rest.subarray(2));
    const [, text] = cut(afterLanguage);
    const isCompressed = rest[0] === 1;
    return [keyword, (isCompressed ? inflateBounded(text) : bounded(text)).toString('utf8')];
  },
};

const latin1 = (bytes: Buffer): string => bytes.toString('latin1');

/** What stands before and behind the first NUL. */
function cut(data: Buffer): [Buffer, Buffer] {
  const at = data.indexOf(0);
  if (at < 0) throw invalid('a text chunk lacks a separator');
  return [data.subarray(0, at), data.subarray(at + 1)];
}

function cutKeyword(data: Buffer): [string, Buffer] {
  const [keyword, rest] = cut(data);
  if (keyword.length === 0 || keyword.length > MAX_KEYWORD_BYTES) throw invalid('a text chunk has no proper keyword');
  return [latin1(keyword), rest];
}

function bounded(text: Buffer): Buffer {
  if (text.length > MAX_PNG_TEXT_BYTES) throw invalid(`a text is over ${MAX_PNG_TEXT_BYTES} bytes`);
  return text;
}

function inflateBounded(text: Buffer): Buffer {
  try {
    return inflateSync(text, { maxOutputLength: MAX_PNG_TEXT_BYTES });
  } catch (cause) {
    throw invalid(`a compressed text is damaged or over ${MAX_PNG_TEXT_BYTES} bytes`, cause);
  }
}

function invalid(reason: string, cause?: unknown): MeshError {
  const message = `The picture's text cannot be read: ${reason}. Send the PNG as it was written.`;
  return new MeshError('INVALID_IMAGE', message, { reason }, { cause });
}
