/** From the spans of a trace to the rows of a waterfall: a tree by parent, in which what repeats is one row. */
import type { SpanRecord } from '#shared/contracts/span.ts';

/** One line: a span, or several alike. */
export interface SpanRow {
  readonly name: string;
  readonly service: string;
  readonly depth: number;
  readonly spans: readonly SpanRecord[];
}

/** Siblings alike beyond this many are one row: the steps of a job. */
const COLLAPSE_ABOVE = 3;

/**
 * Rows in the order of time, children below their parent. A span whose parent is not among the spans is a root: the caller's
 * own trace, or a process whose spans are lost.
 */
export function spanRows(spans: readonly SpanRecord[], { all = false } = {}): SpanRow[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const parentOf = ({ parentSpanId = '' }: SpanRecord): string => (ids.has(parentSpanId) ? parentSpanId : '');
  const childrenOf = Map.groupBy(spans.toSorted(byStart), parentOf);

  const below = (parents: readonly string[], depth: number): SpanRow[] => {
    const children = parents.flatMap((id) => childrenOf.get(id) ?? []);
    return groups(children, all ? Number.POSITIVE_INFINITY : COLLAPSE_ABOVE).flatMap((alike) => {
      const { name, service } = alike[0]!;
      const ids = alike.map(({ spanId }) => spanId);
      return [{ name, service, depth, spans: alike }, ...below(ids, depth + 1)];
    });
  };
  return below([''], 0);
}

/** Spans of one name and service together when there are more than `limit`, else one by one; each group where it first starts. */
function groups(spans: readonly SpanRecord[], limit: number): SpanRecord[][] {
  const alike = Map.groupBy(spans, ({ service, name }) => `${service} ${name}`);
  return [...alike.values()]
    .flatMap((group) => (group.length > limit ? [group] : group.map((span) => [span])))
    .sort(([a], [b]) => byStart(a!, b!));
}

function byStart(a: SpanRecord, b: SpanRecord): number {
  const difference = BigInt(a.startUnixNano) - BigInt(b.startUnixNano);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
