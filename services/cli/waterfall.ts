/** A trace as text: what ran where and when, each span a bar on the scale of the whole job. */
import { styleText } from 'node:util';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { type SpanRow, spanRows } from './span-rows.ts';

/** How a trace is drawn. */
export interface WaterfallOptions {
  /** Columns. */
  readonly width: number;
  readonly colour: boolean;
  /** Each span on its own line, also those that repeat. */
  readonly all?: boolean;
}

const MAX_NAME_WIDTH = 34;
const MS_WIDTH = 9;
/** Three spaces and the two edges of the bar. */
const GAPS_WIDTH = 5;
const MIN_BAR_WIDTH = 10;
const PALETTE = ['cyan', 'magenta', 'yellow', 'green', 'blue', 'red'] as const;

/** One line for each row of {@link spanRows} below a heading; bars are exact to a column, and at least one wide. */
export function waterfall(spans: readonly SpanRecord[], options: WaterfallOptions): string {
  if (spans.length === 0) return 'no spans';
  const rows = spanRows(spans, options);
  const scale = timeScale(spans);
  const nameWidth = Math.min(MAX_NAME_WIDTH, Math.max(...rows.map((row) => label(row).length)));
  const services = [...new Set(rows.map(({ service }) => service))];
  const serviceWidth = Math.max(...services.map(({ length }) => length));
  const barWidth = Math.max(MIN_BAR_WIDTH, options.width - nameWidth - serviceWidth - MS_WIDTH - GAPS_WIDTH);
  const lines = rows.map((row) => {
    const paint = painter(options.colour, services.indexOf(row.service));
    const text = [
      clip(label(row), nameWidth),
      paint(row.service.padEnd(serviceWidth)),
      `▕${paint(bar(row, scale, barWidth))}▏`,
      milliseconds(row).padStart(MS_WIDTH),
    ].join(' ');
    return text + failure(row, options.colour);
  });
  return [heading(spans, scale), ...lines].join('\n');
}

interface TimeScale {
  readonly startNano: bigint;
  readonly lengthNano: number;
}

function timeScale(spans: readonly SpanRecord[]): TimeScale {
  // Not Math.min: these are bigints.
  const [startNano = 0n] = spans.map(start).sort(ascending);
  const endNano = spans.map(end).sort(ascending).at(-1)!;
  return { startNano, lengthNano: Math.max(1, Number(endNano - startNano)) };
}

function heading(spans: readonly SpanRecord[], { lengthNano }: TimeScale): string {
  const processes = new Set(spans.map(({ service, instance }) => `${service} ${instance}`)).size;
  return `trace ${spans[0]!.traceId}: ${(lengthNano / 1e6).toFixed(1)} ms, ${spans.length} spans from ${processes} processes`;
}

function label({ name, depth, spans }: SpanRow): string {
  return `${'  '.repeat(depth)}${name}${spans.length > 1 ? ` ×${spans.length}` : ''}`;
}

function clip(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** A column is full when a span touches it. */
function bar({ spans }: SpanRow, { startNano, lengthNano }: TimeScale, width: number): string {
  const columns = new Array<string>(width).fill(' ');
  for (const span of spans) {
    const first = Math.min(width - 1, Math.floor((Number(start(span) - startNano) / lengthNano) * width));
    const last = Math.ceil((Number(end(span) - startNano) / lengthNano) * width);
    columns.fill('█', first, Math.max(first + 1, last));
  }
  return columns.join('');
}

/** Of a row of several: their sum. */
function milliseconds({ spans }: SpanRow): string {
  const nano = spans.reduce((sum, span) => sum + (end(span) - start(span)), 0n);
  return (Number(nano) / 1e6).toFixed(1);
}

function failure({ spans }: SpanRow, colour: boolean): string {
  const error = spans.find((span) => span.error !== undefined)?.error;
  if (error === undefined) return '';
  return colour ? styleText('red', `  ✗ ${error}`, { validateStream: false }) : `  ✗ ${error}`;
}

function painter(colour: boolean, index: number): (text: string) => string {
  const name = PALETTE[index % PALETTE.length]!;
  return (text) => (colour ? styleText(name, text, { validateStream: false }) : text);
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function start({ startUnixNano }: SpanRecord): bigint {
  return BigInt(startUnixNano);
}

function end({ endUnixNano }: SpanRecord): bigint {
  return BigInt(endUnixNano);
}
