/** The text of a PNG in the browser, without decoding a pixel: tEXt, zTXt and iTXt. The file is anybody's: all lengths are bounded. */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Parameters have a few KB. */
const MAX_TEXT_BYTES = 1 << 20;
const MAX_CHUNKS = 65_536;
/** Length and type before the data, CRC behind it. */
const HEAD_BYTES = 8;
const FRAME_BYTES = 12;

/** The first text under a keyword; undefined when there is none, or when the bytes are no PNG. */
export async function readPngText(png: Uint8Array, keyword: string): Promise<string | undefined> {
  for (const { type, data } of chunksOf(png)) {
    const at = data.indexOf(0);
    if (at < 0 || latin1(data.subarray(0, at)) !== keyword) continue;
    const text = await textOf(type, data.subarray(at + 1));
    if (text !== undefined) return text;
  }
  return undefined;
}

function* chunksOf(png: Uint8Array): Generator<{ type: string; data: Uint8Array }> {
  if (SIGNATURE.some((byte, i) => png[i] !== byte)) return;
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let offset = SIGNATURE.length;
  for (let count = 0; count < MAX_CHUNKS && offset + FRAME_BYTES <= png.length; count++) {
    const end = offset + HEAD_BYTES + view.getUint32(offset);
    if (end > png.length) return;
    const type = latin1(png.subarray(offset + 4, offset + HEAD_BYTES));
    if (/^(?:tEX|zTX|iTX)t$/.test(type)) yield { type, data: png.subarray(offset + HEAD_BYTES, end) };
    offset = end + 4;
  }
}

/** What stands behind the keyword of a chunk. */
async function textOf(type: string, rest: Uint8Array): Promise<string | undefined> {
  if (type === 'tEXt') return latin1(rest.subarray(0, MAX_TEXT_BYTES));
  if (type === 'zTXt') return latin1(await inflate(rest.subarray(1)));
  const isCompressed = rest[0] === 1;
  const language = rest.subarray(2);
  const translated = language.subarray(language.indexOf(0) + 1);
  const text = translated.subarray(translated.indexOf(0) + 1);
  return new TextDecoder().decode(isCompressed ? await inflate(text) : text.subarray(0, MAX_TEXT_BYTES));
}

async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream('deflate'));
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const part of stream as unknown as AsyncIterable<Uint8Array>) {
    total += part.length;
    if (total > MAX_TEXT_BYTES) break;
    parts.push(part);
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}
