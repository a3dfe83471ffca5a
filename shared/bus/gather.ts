/** One question to everyone who serves a subject, many answers. JSON. */
import { type Clock, systemClock } from './clock.ts';
import { isErrorReply } from './error-reply.ts';
import { parseJson, toJson } from './json-payload.ts';
import type { Delivery, Transport } from './transport.ts';

/** How long to wait, and for how many. */
export interface GatherOptions {
  /** Answers after which nobody else is waited for. */
  readonly expected: number;
  readonly timeoutMs: number;
  readonly clock?: Clock;
}

/** Resolves with the answers of `expected` of them, or with those that came in time; what is no JSON, or an error, is left out. */
export async function gatherJson(
  transport: Transport,
  subject: string,
  { expected, timeoutMs, clock = systemClock }: GatherOptions,
): Promise<unknown[]> {
  const answers: unknown[] = [];
  if (expected === 0) return answers;
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const inbox = transport.newInbox();
  const subscription = transport.subscribe(inbox, (delivery) => {
    if (delivery.isNoResponders) end();
    else if (answers.push(...contentOf(delivery)) >= expected) end();
  });
  const timer = clock.after(timeoutMs, end);
  transport.publish(subject, toJson({}), { reply: inbox });
  await over;
  timer.cancel();
  subscription.unsubscribe();
  return answers;
}

function contentOf({ payload, headers }: Delivery): unknown[] {
  if (isErrorReply(headers)) return [];
  try {
    return [parseJson(payload)];
  } catch {
    return [];
  }
}
