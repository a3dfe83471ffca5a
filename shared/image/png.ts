/**
 * PNG with text: what sharp cannot write (it reads text, and drops it on writing). Eight bits, RGB, filter Up, one IDAT.
 *
 * Source: PNG specification, third edition, https://www.w3.org/TR/png-3/
 */
import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import { MeshError } from '#shared/errors/errors.ts';
import { type Picture, pictureSize, toRgb } from './picture.ts';

/** The eight bytes that every PNG begins with. */
export const PNG_SIGNATURE: Uint8Array = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** The keyword under which A1111, Civitai and their kin look for the generation's parameters. */
export const PARAMETERS_KEYWORD = 'parameters';

const BIT_DEPTH = 8;
const COLOUR_TYPE_RGB = 2;
const FILTER_UP = 2;
// With Up, level 1 is smaller on generated pictures than sharp's level 6, and takes a third of the time.
const DEFLATE_LEVEL = 1;

const deflateBytes = promisify(deflate);

/**
 * Encodes a picture. Compression runs on the thread pool; the caller's thread only filters (about 1 ms at 512²).
 *
 * picture  u8 [H, W, 3], or [H, W, 1], which is written as RGB too
 * text     by keyword; Latin-1 goes to tEXt, anything else to iTXt, as Pillow does. NUL cannot stand in a PNG and is left out.
 * @throws MeshError INVALID_REQUEST when a keyword is not 1–79 printable Latin-1 characters
 */
export async function encodePng(picture: Picture, text: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
  const { height, width } = pictureSize(picture);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, BIT_DEPTH);
  header.setUint8(9, COLOUR_TYPE_RGB);
  const pixels = await deflateBytes(filterUp(toRgb(picture).data, width * 3), { level: DEFLATE_LEVEL });
  return Buffer.concat([
    PNG_SIGNATURE,
    chunk('IHDR', new Uint8Array(header.buffer)),
    ...Object.entries(text).map(([keyword, value]) => textChunk(keyword, value.replaceAll('\0', ''))),
    chunk('IDAT', pixels),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

/** Each byte minus the one above it, each row behind its filter type. */
function filterUp(pixels: Uint8Array, rowLength: number): Uint8Array {
  const rows = pixels.length / rowLength;
  const out = new Uint8Array(rows * (rowLength + 1));
  for (let row = 0, from = 0, to = 0; row < rows; row++) {
    out[to++] = FILTER_UP;
    const above = row === 0 ? -1 : from - rowLength;
    for (let i = 0; i < rowLength; i++) out[to++] = pixels[from++]! - (above < 0 ? 0 : pixels[above + i]!);
  }
  return out;
}

function textChunk(keyword: string, value: string): Uint8Array {
  if (!/^[\x21-\x7e\xa1-\xff](?:[\x20-\x7e\xa1-\xff]{0,77}[\x21-\x7e\xa1-\xff])?$/.test(keyword)) {
    throw new MeshError('INVALID_REQUEST', `"${keyword}" is no PNG keyword: use 1–79 printable Latin-1 characters.`);
  }
  const name = Buffer.from(`${keyword}\0`, 'latin1');
  if (isLatin1(value)) return chunk('tEXt', Buffer.concat([name, Buffer.from(value, 'latin1')]));
  // Not compressed, deflate, no language, no translated keyword.
  return chunk('iTXt', Buffer.concat([name, Uint8Array.of(0, 0, 0, 0), Buffer.from(value, 'utf8')]));
}

function isLatin1(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0xff) return false;
  return true;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  out.set(data, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}
