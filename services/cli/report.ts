/** How a command ends: its exit status, and its error as one line or as JSON. */
import { styleText } from 'node:util';
import type { MeshError } from '#shared/errors/errors.ts';

/** What a status means; the table in docs/cli.md. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

const MAX_DETAIL_CHARS = 400;

/** `error CODE: message` and its details on stderr; with `json` the error on stdout, where the result would be. */
export function reportError(error: MeshError, options: { readonly json?: boolean | undefined }): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ error: error.toWire() })}\n`);
    return;
  }
  const head = styleText('red', `error ${error.code}`, { stream: process.stderr });
  process.stderr.write(`${head}: ${error.message}\n${detailLines(error)}`);
}

function detailLines({ details }: MeshError): string {
  return Object.entries(details)
    .filter(([, value]) => !Array.isArray(value) || value.length > 0)
    .map(([key, value]) => {
      const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
      return `  ${key}: ${text.length > MAX_DETAIL_CHARS ? `${text.slice(0, MAX_DETAIL_CHARS)}…` : text}\n`;
    })
    .join('');
}
