/** JetStream requests that outlast an outage, and its errors in the words of the mesh. */
import {
  type ConsumerConfig,
  JetStreamApiCodes,
  JetStreamApiError,
  JetStreamError,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { MeshError } from '#shared/errors/errors.ts';
import { type Clock, pause, systemClock } from './clock.ts';

/** A request that falls into an outage is lost, and would wait for all of the client's 5 s. */
export const ATTEMPT_TIMEOUT_MS = 1000;
const RETRY_MS = 100;
/** Reading an object waits without an end when the server goes meanwhile. */
const ATTEMPT_LIMIT_MS = 10_000;
/** How long a request is repeated: a server restarts within a second, a cluster elects a leader within five. */
const PATIENCE_MS = 15_000;

/** Codes of the server, https://github.com/nats-io/nats-server/blob/v2.15.2/server/errors.json */
const STORE_FAILED = 10_077;
/** "insufficient resources", "insufficient storage resources available": by default the server takes three quarters of its disk. */
const NO_STORAGE = [10_023, 10_047];
const STREAM_NAME_IN_USE = 10_058;
const CONSUMER_EXISTS = 10_148;
const SYSTEM_UNAVAILABLE = 10_008;

/** How long requests are repeated while nothing answers; 15 s of the system's clock when left out. */
export interface Patience {
  readonly patienceMs?: number;
  readonly clock?: Clock;
}

/** What an attempt is told. */
export interface Attempt {
  /** Whether an earlier attempt may have been carried out without our hearing of it. */
  readonly isRepeated: boolean;
}

/**
 * Repeats a request until it is answered. It must bear being carried out twice.
 * @throws MeshError BUS_UNAVAILABLE when nothing answers; QUEUE_FULL when a limit of the stream is reached; PAYLOAD_TOO_LARGE
 */
export async function untilAnswered<T>(
  run: (attempt: Attempt) => Promise<T>,
  { patienceMs = PATIENCE_MS, clock = systemClock }: Patience = {},
): Promise<T> {
  const giveUpUnixMs = clock.now() + patienceMs;
  for (let isRepeated = false; ; isRepeated = true) {
    try {
      return await limited(run({ isRepeated }), clock);
    } catch (thrown) {
      if (!isOutage(thrown) || clock.now() >= giveUpUnixMs) throw toMeshError(thrown);
      await pause(clock, RETRY_MS);
    }
  }
}

async function limited<T>(attempt: Promise<T>, clock: Clock): Promise<T> {
  const limit = Promise.withResolvers<never>();
  const timer = clock.after(ATTEMPT_LIMIT_MS, () => limit.reject(new errors.TimeoutError()));
  try {
    return await Promise.race([attempt, limit.promise]);
  } finally {
    timer.cancel();
  }
}

/** Nobody answered, or nobody could: the same request may do better later. */
function isOutage(thrown: unknown): boolean {
  if (thrown instanceof JetStreamApiError) return thrown.code === SYSTEM_UNAVAILABLE;
  if (thrown instanceof errors.ClosedConnectionError) return false;
  return (
    thrown instanceof errors.TimeoutError ||
    thrown instanceof errors.RequestError ||
    thrown instanceof JetStreamError ||
    isNotEnabled(thrown)
  );
}

/** The client does not export the class of "jetstream is not enabled", which is what a server that starts says. */
function isNotEnabled(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.cause instanceof errors.RequestError;
}

function toMeshError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown;
  const cause = thrown as Error;
  if (thrown instanceof JetStreamApiError && thrown.code === STORE_FAILED) {
    return new MeshError('QUEUE_FULL', `JetStream takes no more: ${cause.message}. Try again later.`, {}, { cause });
  }
  if (thrown instanceof JetStreamApiError && NO_STORAGE.includes(thrown.code)) {
    const text = `NATS has too little room for its streams: ${cause.message}. Free some on the disk of its store, or raise its \`max_file_store\`.`;
    return new MeshError('QUEUE_FULL', text, { code: thrown.code }, { cause });
  }
  if (thrown instanceof errors.InvalidArgumentError) {
    return new MeshError(
      'PAYLOAD_TOO_LARGE',
      `JetStream takes no message of this size: ${cause.message}.`,
      {},
      { cause },
    );
  }
  if (thrown instanceof JetStreamApiError) {
    return new MeshError('INTERNAL', `JetStream refuses: ${cause.message}.`, { code: thrown.code }, { cause });
  }
  const hint = 'Is the NATS server up, started with JetStream (`-js`), and is there room on its disk?';
  return new MeshError('BUS_UNAVAILABLE', `JetStream does not answer: ${cause.message}. ${hint}`, {}, { cause });
}

/** A manager whose requests fail soon enough to be repeated. */
export function manager(connection: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(connection, { checkAPI: false, timeout: ATTEMPT_TIMEOUT_MS });
}

/** Creates a stream, or gives the present one this configuration. Safe to do from many processes at once. */
export async function ensureStream(
  connection: NatsConnection,
  config: Partial<StreamConfig> & { name: string },
  patience: Patience = {},
): Promise<void> {
  const { streams } = await manager(connection);
  const update = () => streams.update(config.name, config);
  await untilAnswered(() => streams.add(config).catch(ifRefusedAs(STREAM_NAME_IN_USE, update)), patience);
}

/** Changes a stream that is there. In a cluster a server may not know yet of one that another has just made: it is asked again. */
export async function updateStream(
  connection: NatsConnection,
  name: string,
  change: Partial<StreamConfig>,
  patience: Patience = {},
): Promise<void> {
  const { streams } = await manager(connection);
  const update = () =>
    streams.update(name, change).catch((thrown: unknown) => {
      const isUnknown = thrown instanceof JetStreamApiError && thrown.code === JetStreamApiCodes.StreamNotFound;
      throw isUnknown ? new errors.TimeoutError({ cause: thrown }) : thrown;
    });
  await untilAnswered(update, patience);
}

/** Creates a durable consumer, or gives the present one this configuration. Safe to do from many processes at once. */
export async function ensureConsumer(
  connection: NatsConnection,
  stream: string,
  config: Partial<ConsumerConfig> & { durable_name: string },
  patience: Patience = {},
): Promise<void> {
  const { consumers } = await manager(connection);
  const update = () => consumers.update(stream, config.durable_name, config);
  await untilAnswered(() => consumers.add(stream, config).catch(ifRefusedAs(CONSUMER_EXISTS, update)), patience);
}

function ifRefusedAs<T>(code: number, otherwise: () => Promise<T>): (thrown: unknown) => Promise<T> {
  return (thrown) => {
    if (thrown instanceof JetStreamApiError && thrown.code === code) return otherwise();
    throw thrown;
  };
}
