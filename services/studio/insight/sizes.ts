/** Bytes as people say them. */

/** `27 MB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${digits(bytes / 1e3)} KB`;
  return bytes < 1e9 ? `${digits(bytes / 1e6)} MB` : `${digits(bytes / 1e9)} GB`;
}

function digits(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}
