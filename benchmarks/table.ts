/** Tables for a terminal. */
import type { Goal, Table } from './benchmark.ts';

const GAP = '  ';

/** Lines of aligned columns: numbers to the right, the rest to the left. */
export function tableText({ columns, rows }: Table): string {
  const cells = [columns, ...rows].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const isNumeric = columns.map((_, i) => rows.every((row) => typeof row[i] === 'number'));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(GAP);
  const rule = widths.map((width) => '─'.repeat(width)).join(GAP);
  const [head, ...body] = cells.map((row) => line(row).trimEnd());
  return [head, rule, ...body].join('\n');
}

/** The goals as a table. */
export function goalsTable(goals: readonly Goal[]): Table {
  return {
    columns: ['goal', 'is', 'measured', ''],
    rows: goals.map(({ what, goal, measured, holds }) => [what, goal, measured, holds ? 'holds' : 'does not hold']),
  };
}
