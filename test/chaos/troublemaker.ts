/** Messages that come twice, late, and in another order: whatever actors and callers say to each other is said again after a while. */
import type { NatsTransport } from '#shared/bus/nats-transport.ts';
import type { Random } from './random.ts';

/** Marks what was said again, so that it is not taken for new. */
const MARK = 'chaos';
const MAX_LATE_MS = 400;
/** Requests to actors, and everything that is said of calls. */
const SUBJECTS = ['latentmesh.v1.actor.>', 'latentmesh.v1.events.>', '_INBOX.>'];

/** Repeats messages until the returned function is called. */
export function repeatMessages(transport: NatsTransport, random: Random): () => void {
  const subscriptions = SUBJECTS.map((subject) =>
    transport.subscribe(subject, ({ subject: to, payload, headers, reply, isNoResponders }) => {
      if (headers[MARK] !== undefined || isNoResponders || to.includes('.events.')) return;
      const copy = payload.slice();
      const again = (): void =>
        transport.publish(to, copy, { headers: { ...headers, [MARK]: '1' }, ...(reply && { reply }) });
      if (random.next() < 0.5) again();
      else setTimeout(again, random.between(1, MAX_LATE_MS));
    }),
  );
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
}
