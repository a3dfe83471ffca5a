/** A service's log line as people read it in a terminal. */
import { styleText } from 'node:util';

/** pino's numbers. */
const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
};
const INFO_LEVEL = 30;
const ERROR_LEVEL = 50;
/** Comes as a message of the process as well, which the supervisor tells. */
const FATAL_LEVEL = 60;
/** Said by the prefix, or of use in the log file only. */
const HIDDEN = new Set(['level', 'time', 'msg', 'role', 'instance', 'trace_id', 'pid', 'hostname']);
const NAME_WIDTH = 14;
/** Colours only where the lines go. */
const STREAM = { stream: process.stderr };

/**
 * `denoiser       warn  text key=value`, or undefined when the line is below `minLevel`. A line that is no JSON (a library's
 * chatter, the stack of a crash) counts as information.
 */
export function formatLogLine(line: string, name: string, minLevel: number): string | undefined {
  const prefix = styleText('dim', name.padEnd(NAME_WIDTH), STREAM);
  const fields = parse(line);
  if (!fields) return minLevel > INFO_LEVEL ? undefined : `${prefix} ${line}`;
  const level = Number(fields.level);
  if (level < minLevel || level === FATAL_LEVEL) return undefined;
  const levelName = styleText(level >= ERROR_LEVEL ? 'red' : 'yellow', (LEVELS[level] ?? '').padEnd(5), STREAM);
  const rest = Object.entries(fields)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [prefix, levelName, String(fields.msg ?? ''), styleText('dim', rest.join(' '), STREAM)].join(' ').trimEnd();
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
