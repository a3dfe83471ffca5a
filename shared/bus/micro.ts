/**
 * Answers to `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`, so that `nats service ls`, `info` and `stats` know every process.
 * Our own since the client's own services package serves the endpoints itself, one message each way.
 * Source: ADR-32, https://github.com/nats-io/nats-architecture-and-design/blob/f5f5126/adr/ADR-32.md
 */
import type { Subscription } from './bus.ts';
import type { EndpointStats } from './endpoint-stats.ts';
import { toJson } from './json-payload.ts';
import { isReplySubject } from './reply-subject.ts';
import type { Transport } from './transport.ts';

const NANOSECONDS_PER_MS = 1e6;

/** What a process says of itself. */
export interface ServiceDescription {
  /** [A-Za-z0-9_-]+; the same for all instances of a role. */
  readonly name: string;
  /** Of this instance. */
  readonly id: string;
  /** Semantic version. */
  readonly version: string;
  readonly description: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Read with every answer. */
  readonly endpoints: () => readonly EndpointStats[];
  /** Our own numbers, as `data` of the first endpoint: the protocol has no place for those of a whole service. */
  readonly data?: () => unknown;
}

type Verb = 'PING' | 'INFO' | 'STATS';

/** Makes a process visible. Draining the subscription hides it. */
export function announceService(transport: Transport, service: ServiceDescription): Subscription {
  const { name, id, version, description, metadata = {} } = service;
  const started = new Date().toISOString();
  const answer = (type: string, more: object): Uint8Array =>
    toJson({ type: `io.nats.micro.v1.${type}_response`, name, id, version, metadata, ...more });
  const answers: Record<Verb, () => Uint8Array> = {
    PING: () => answer('ping', {}),
    INFO: () => answer('info', { description, endpoints: service.endpoints().map(endpointInfo) }),
    STATS: () => answer('stats', { started, endpoints: endpointsStats(service) }),
  };
  const subscriptions = Object.entries(answers).flatMap(([verb, payload]) =>
    [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`].map((subject) =>
      transport.subscribe(subject, ({ reply }) => {
        if (reply !== undefined && isReplySubject(reply)) transport.publish(reply, payload());
      }),
    ),
  );
  return {
    drain: async () => {
      await Promise.all(subscriptions.map((one) => one.drain()));
    },
  };
}

function endpointInfo({ name, subject, queueGroup = '' }: EndpointStats): object {
  return { name, subject, queue_group: queueGroup, metadata: {} };
}

function endpointsStats({ endpoints, data }: ServiceDescription): object[] {
  return endpoints().map((endpoint, i) => ({
    ...endpointStats(endpoint),
    ...(i === 0 && data ? { data: data() } : {}),
  }));
}

function endpointStats(endpoint: EndpointStats): object {
  const { name, subject, queueGroup = '', requests, errors, lastError, processingMs } = endpoint;
  const nanoseconds = Math.round(processingMs * NANOSECONDS_PER_MS);
  return {
    name,
    subject,
    queue_group: queueGroup,
    num_requests: requests,
    num_errors: errors,
    ...(lastError !== undefined && { last_error: lastError }),
    processing_time: nanoseconds,
    average_processing_time: requests === 0 ? 0 : Math.round(nanoseconds / requests),
  };
}
