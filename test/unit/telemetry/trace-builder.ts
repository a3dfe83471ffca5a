/** Traces for tests, written as a tree of spans with their times. */
import type { SpanRecord } from '#shared/contracts/span.ts';

const ZERO_NANO = 1_700_000_000_000_000_000n;

export interface SpanPlan {
  readonly name: string;
  /** `<service>` or `<service> <instance>`; that of the parent when left out. */
  readonly in?: string;
  /** ms from the start of the trace. */
  readonly from: number;
  readonly to: number;
  readonly attributes?: SpanRecord['attributes'];
  readonly children?: readonly SpanPlan[];
}

/** Spans in the order in which they end, as they come over the bus. */
export function traceOf(...plans: readonly SpanPlan[]): SpanRecord[] {
  const spans: SpanRecord[] = [];
  const add = (plan: SpanPlan, parent: SpanRecord | undefined): void => {
    const [service = 'gateway', instance = `${service}-1`] = plan.in?.split(' ') ?? [parent?.service, parent?.instance];
    const span: SpanRecord = {
      traceId: 'a'.repeat(32),
      spanId: `${spans.length}`.padStart(16, '0'),
      ...(parent && { parentSpanId: parent.spanId }),
      name: plan.name,
      kind: 'internal',
      service,
      instance,
      startUnixNano: `${ZERO_NANO + BigInt(plan.from * 1e6)}`,
      endUnixNano: `${ZERO_NANO + BigInt(plan.to * 1e6)}`,
      attributes: plan.attributes ?? {},
    };
    spans.push(span);
    for (const child of plan.children ?? []) add(child, span);
  };
  for (const plan of plans) add(plan, undefined);
  return spans.toSorted((a, b) => Number(BigInt(a.endUnixNano) - BigInt(b.endUnixNano)));
}
