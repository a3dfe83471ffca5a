/** What the supervisor says: notices and logs on stderr, the ready text on stdout. */
import { styleText } from 'node:util';
import type { MeshError } from '#shared/errors/errors.ts';
import { formatLogLine } from './log-line.ts';

const WARN_LEVEL = 40;
const ERROR_LEVEL = 50;

/** See the head of this file. */
export class Terminal {
  readonly #isQuiet: boolean;
  readonly #minLevel: number;

  constructor({ isQuiet, isVerbose }: { readonly isQuiet: boolean; readonly isVerbose: boolean }) {
    this.#isQuiet = isQuiet;
    this.#minLevel = isVerbose ? 0 : isQuiet ? ERROR_LEVEL : WARN_LEVEL;
  }

  logLine(name: string, line: string): void {
    const text = formatLogLine(line, name, this.#minLevel);
    if (text !== undefined) process.stderr.write(`${text}\n`);
  }

  notice(text: string): void {
    if (!this.#isQuiet) process.stderr.write(`${text}\n`);
  }

  error({ code, message }: MeshError): void {
    process.stderr.write(`${styleText('red', `error ${code}`, { stream: process.stderr })}: ${message}\n`);
  }

  ready(text: string): void {
    if (!this.#isQuiet) process.stdout.write(text);
  }
}
