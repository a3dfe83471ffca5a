/** A report on a model's file as text. */
import { basename } from 'node:path';
import type { ModelReport } from '#shared/checkpoint/inspect/report.ts';

/** Keys of a header that people look for; the others are counted. */
const TOLD =
  /^(?:ss_(?:base_model_version|network_(?:module|dim|alpha|args)|output_name|sd_model_name|steps|epoch)|modelspec\.(?:title|architecture|author|prediction_type|trigger_phrase)|name)$/;
const UNITS = ['B', 'KiB', 'MiB', 'GiB'];

/** One fact on a line. */
export function inspectText(report: ModelReport): string {
  const { kind, base, adapter, problem, note } = report;
  const told = Object.entries(report.metadata).filter(([key]) => TOLD.test(key));
  const more = Object.keys(report.metadata).length - told.length;
  const lines = [
    `${basename(report.path)}: ${kind}${base ? `, ${base}` : ''}, ${size(report.bytes)}`,
    ...(adapter ? [adapterLine(adapter)] : []),
    ...report.parts.map(
      (part) =>
        `  ${part.part}: ${part.tensors} tensors, ${millions(part.parameters)} parameters, ${part.dtypes.join(' and ')}, ${size(part.bytes)}`,
    ),
    ...told.map(([key, value]) => `  ${key}: ${value}`),
    ...(more > 0 ? [`  and ${more} more entries in its header (--json has all)`] : []),
    problem ? `does not load: ${problem.code}: ${problem.message}` : `loads${note ? ` (${note})` : ''}`,
  ];
  return lines.join('\n');
}

function adapterLine({ kinds, ranks, naming }: NonNullable<ModelReport['adapter']>): string {
  const list = Object.entries(kinds).map(([name, count]) => `${count} modules of ${name}`);
  const [low, high] = ranks ?? [];
  const range = low === undefined ? '' : `, rank ${low === high ? low : `${low} to ${high}`}`;
  return `  ${list.join(', ')}${range}, names of ${naming}`;
}

function size(bytes: number): string {
  const unit = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${unit === 0 ? bytes : (bytes / 2 ** (10 * unit)).toFixed(1)} ${UNITS[unit]}`;
}

function millions(count: number): string {
  return count < 1e5 ? String(count) : `${(count / 1e6).toFixed(1)} M`;
}
