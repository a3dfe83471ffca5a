/** The alphabet of CLIP's vocabulary files: how a byte is written in `vocab.json` and `merges.txt`. */

/** Marks the last byte of a word. */
export const END_OF_WORD = '</w>';

/**
 * A printable letter for each byte: itself where it is printable, else one from U+0100 on.
 * Source: `bytes_to_unicode`, https://github.com/openai/CLIP/blob/a9b1bf5/clip/simple_tokenizer.py#L16
 */
export const BYTE_LETTERS: readonly string[] = byteLetters();

function byteLetters(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
}
