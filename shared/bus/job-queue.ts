/**
 * The queue of accepted jobs: a JetStream work queue, so that a job outlives the gateway that accepted it and the one that
 * works on it.
 *
 * Q1  A submitted job is on disk before `submit` resolves; submitting it again within two minutes changes nothing.
 * Q2  A job is handled by one worker at a time, again when its worker died (ACK_WAIT_MS after its last sign of life).
 *     After a crash of the server it may be handled again though it was done: handlers are idempotent.
 * Q3  A worker holds no job beyond those it handles.
 * Q4  Draining takes nothing new and waits for what runs; a job that was on its way goes back at once.
 */
import {
  AckPolicy,
  type Consumer,
  DiscardPolicy,
  type JsMsg,
  jetstream,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { MeshError } from '#shared/errors/errors.ts';
import type { Subscription } from './bus.ts';
import { type Clock, pause, systemClock } from './clock.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  ensureConsumer,
  ensureStream,
  manager,
  type Patience,
  untilAnswered,
} from './jet-stream.ts';
import { parseJson, toJson } from './json-payload.ts';
import { subjects } from './subjects.ts';

const STREAM = 'LATENTMESH_JOBS';
const CONSUMER = 'workers';
const DEFAULT_MAX_JOBS = 1000;
const DUPLICATE_WINDOW_MS = 2 * 60_000;
/** A job that nobody could do is dropped when its record is. */
const MAX_AGE_MS = 24 * 60 * 60_000;
/** Silence of a worker after which its job goes to another. One that was only slow has its work done twice, no harm else. */
const ACK_WAIT_MS = 4000;
/** Four signs of life within ACK_WAIT_MS. */
const WORKING_MS = 1000;
/** The last resort against a job that kills whoever takes it; handlers see the count and stop it much sooner. */
const MAX_DELIVER = 20;
/** The server forgets a request for work after this time, and the worker asks again. */
const PULL_MS = 5000;
const RETRY_MS = 250;
const NAK_LATER_MS = 2000;
const NAK_ELSEWHERE_MS = 100;

/** What lies in the queue. */
export interface Job {
  /** Unique; what makes a second submission the same job. */
  readonly id: string;
  /** JSON. */
  readonly body: unknown;
}

/** What a worker knows of the job it was given. */
export interface JobDelivery {
  /** 1 the first time. */
  readonly deliveryCount: number;
}

/** Resolves: the job is done. Rejects: by the error's `retry` it comes again later, soon (`elsewhere`), or never. */
export type JobHandler = (job: Job, delivery: JobDelivery) => Promise<void>;

/** See the head of this file. */
export interface JobQueue {
  /** @throws MeshError QUEUE_FULL; PAYLOAD_TOO_LARGE; BUS_UNAVAILABLE */
  submit(job: Job): Promise<void>;
  /** Works on up to `concurrency` jobs at a time until drained. */
  consume(concurrency: number, handler: JobHandler): Subscription;
  /** Jobs that are not done: waiting and running. */
  depth(): Promise<number>;
}

/** How many jobs may be in the queue, waiting and running; 1000 when left out. */
export interface JobQueueOptions extends Patience {
  readonly maxJobs?: number;
  /** Told why a worker cannot ask for work; it goes on asking. */
  readonly onTrouble?: (error: MeshError) => void;
}

/** Creates the queue where it is missing. @throws MeshError BUS_UNAVAILABLE */
export async function openJobQueue(connection: NatsConnection, options: JobQueueOptions = {}): Promise<JobQueue> {
  const queue = new JetStreamJobQueue(connection, options);
  await queue.ensure();
  return queue;
}

class JetStreamJobQueue implements JobQueue {
  readonly #connection: NatsConnection;
  readonly #options: JobQueueOptions;
  readonly #clock: Clock;

  constructor(connection: NatsConnection, options: JobQueueOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async ensure(): Promise<void> {
    const { maxJobs = DEFAULT_MAX_JOBS } = this.#options;
    await ensureStream(this.#connection, streamConfig(maxJobs), this.#options);
    await ensureConsumer(this.#connection, STREAM, CONSUMER_CONFIG, this.#options);
  }

  async submit({ id, body }: Job): Promise<void> {
    const client = jetstream(this.#connection, { timeout: ATTEMPT_TIMEOUT_MS });
    const payload = toJson({ id, body });
    await untilAnswered(() => client.publish(subjects.queue, payload, { msgID: id }), this.#options);
  }

  async depth(): Promise<number> {
    const jsm = await manager(this.#connection);
    const { state } = await untilAnswered(() => jsm.streams.info(STREAM), this.#options);
    return state.messages;
  }

  consume(concurrency: number, handler: JobHandler): Subscription {
    const running = new Set<Promise<void>>();
    let isDraining = false;
    const take = async (message: JsMsg): Promise<void> => {
      if (isDraining) {
        message.nak();
        return;
      }
      const work = this.#handle(message, handler).finally(() => running.delete(work));
      running.add(work);
      await work;
    };
    // A slot that waits for work is not waited for when draining: its request ends with the connection, or by itself.
    for (let i = 0; i < concurrency; i++) void this.#runSlot(take, () => isDraining || this.#connection.isClosed());
    return {
      drain: async () => {
        isDraining = true;
        await Promise.all(running);
      },
    };
  }

  /** One job after the other; whatever goes wrong with asking, it asks again. */
  async #runSlot(take: (message: JsMsg) => Promise<void>, isOver: () => boolean): Promise<void> {
    let consumer: Consumer | undefined;
    while (!isOver()) {
      try {
        consumer ??= await this.#open();
        // One at a time: a batch would be held by a worker that is busy with its first (Q3).
        const message = await consumer.next({ expires: PULL_MS });
        if (message) await take(message);
      } catch (thrown) {
        consumer = undefined;
        if (!isOver()) this.#options.onTrouble?.(MeshError.from(thrown));
        await pause(this.#clock, RETRY_MS);
      }
    }
  }

  async #open(): Promise<Consumer> {
    await this.ensure();
    return jetstream(this.#connection, { timeout: ATTEMPT_TIMEOUT_MS }).consumers.get(STREAM, CONSUMER);
  }

  async #handle(message: JsMsg, handler: JobHandler): Promise<void> {
    const stopWorking = this.#keepWorking(message);
    try {
      await handler(readJob(message), { deliveryCount: message.info.deliveryCount });
      // Waits for the server's word, so that closing the connection next loses no ack. Unheard, the job comes again (Q2).
      await message.ackAck({ timeout: ATTEMPT_TIMEOUT_MS }).catch(() => {});
    } catch (thrown) {
      giveBack(message, MeshError.from(thrown));
    } finally {
      stopWorking();
    }
  }

  #keepWorking(message: JsMsg): () => void {
    const tick = (): void => {
      if (!this.#connection.isClosed()) message.working();
      timer = this.#clock.after(WORKING_MS, tick);
    };
    let timer = this.#clock.after(WORKING_MS, tick);
    return () => timer.cancel();
  }
}

function streamConfig(maxJobs: number) {
  return {
    name: STREAM,
    subjects: [subjects.queue],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs: maxJobs,
    max_age: nanos(MAX_AGE_MS),
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  };
}

const CONSUMER_CONFIG = {
  durable_name: CONSUMER,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(ACK_WAIT_MS),
  max_deliver: MAX_DELIVER,
};

/** @throws MeshError INVALID_JSON, INVALID_REQUEST for what somebody else put into the queue */
function readJob(message: JsMsg): Job {
  const job = parseJson(message.data) as Partial<Job> | null;
  if (typeof job?.id !== 'string') throw new MeshError('INVALID_REQUEST', 'The queue holds something that is no job.');
  return { id: job.id, body: job.body };
}

function giveBack(message: JsMsg, error: MeshError): void {
  // Without a reason: servers before 2.11 do not take a term that has one for a term.
  if (error.retry === 'never') message.term();
  else message.nak(error.retry === 'later' ? NAK_LATER_MS : NAK_ELSEWHERE_MS);
}
