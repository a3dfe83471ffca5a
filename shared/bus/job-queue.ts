/**
 * The queue of accepted jobs: a JetStream work queue, so that a job outlives the gateway that accepted it and the one that
 * works on it.
 *
 * Q1  A submitted job is on disk before `submit` resolves; submitting it again within two minutes changes nothing.
 * Q2  A job is handled by one worker at a time, again when its worker died (ACK_WAIT_MS after its last sign of life).
 *     After a crash of the server it may be handled again though it was done: handlers are idempotent.
 * Q3  A worker holds no job beyond those it handles.
 * Q4  Draining takes nothing new and waits for what runs; a job that was on its way goes back at once.
 * Q5  Jobs are taken by class and, within a class, by turns among clients (job-turns.ts), by each worker for itself.
 *
 * Each class and client has a lane: a subject and a consumer, made when it is first used. A worker that has room looks which
 * lanes hold jobs and takes one without waiting at any; when there is none it waits for the bell that `submit` rings.
 */
import {
  AckPolicy,
  DiscardPolicy,
  type JetStreamClient,
  jetstream,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { MeshError } from '#shared/errors/errors.ts';
import { Bell } from './bell.ts';
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
import { handle, type Job, type JobHandler, WORKING_MS } from './job-handling.ts';
import { type JobLane, type JobPriority, laneName, laneOf, laneSubject } from './job-lanes.ts';
import { JobTaker } from './job-taker.ts';
import { toJson } from './json-payload.ts';
import { NextTurn } from './next-turn.ts';
import type { PulledMessage } from './pulled-message.ts';
import { subjects } from './subjects.ts';

const STREAM = 'LATENTMESH_QUEUE';
const DEFAULT_MAX_JOBS = 1000;
const DUPLICATE_WINDOW_MS = 2 * 60_000;
/** A job that nobody could do is dropped when its record is. */
const MAX_AGE_MS = 24 * 60 * 60_000;
/** Silence of a worker after which its job goes to another. One that was only slow has its work done twice, no harm else. */
const ACK_WAIT_MS = 4 * WORKING_MS;
/** The last resort against a job that kills whoever takes it; handlers see the count and stop it much sooner. */
const MAX_DELIVER = 20;
/** No bell rings for a job that comes again, nor when its submitter dies or the server goes meanwhile: look all the same. */
const LOOK_MS = 500;
/** A server may say that it has stored a job before its consumer knows of it: after the bell, look again this soon, then later and later. */
const LOOK_AGAIN_MS = 2;
const LOOK_GROWTH = 3;
const RETRY_MS = 250;

/** A job and whose turn it takes. */
export interface Submission extends Job {
  /** `normal` when left out. */
  readonly priority?: JobPriority;
  /** Those who leave it out take turns as one. */
  readonly client?: string | undefined;
}

/** See the head of this file. */
export interface JobQueue {
  /** @throws MeshError QUEUE_FULL; PAYLOAD_TOO_LARGE; BUS_UNAVAILABLE */
  submit(submission: Submission): Promise<void>;
  /** Works on up to `concurrency()` jobs at a time, which may change meanwhile, until drained. */
  consume(concurrency: () => number, handler: JobHandler): Subscription;
  /** Jobs that are not done: waiting and running. */
  depth(): Promise<number>;
}

/** How many jobs may be in the queue, waiting and running; 1000 when left out. */
export interface JobQueueOptions extends Patience {
  readonly maxJobs?: number;
  /** Told why a worker cannot ask for work, and goes on asking; and of what it threw out of the queue. */
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
  /** By name: those that are known to have a consumer. */
  readonly #openLanes = new Set<string>();
  readonly #publisher: JetStreamClient;
  readonly #turn = new NextTurn();
  #isRinging = false;

  constructor(connection: NatsConnection, options: JobQueueOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#publisher = jetstream(connection, { timeout: ATTEMPT_TIMEOUT_MS });
    void this.#forgetLanesOnReconnect();
  }

  async ensure(): Promise<void> {
    const { maxJobs = DEFAULT_MAX_JOBS } = this.#options;
    await ensureStream(this.#connection, streamConfig(maxJobs), this.#options);
  }

  async submit({ id, body, priority = 'normal', client }: Submission): Promise<void> {
    const payload = toJson({ id, body });
    const lane = laneOf(priority, client);
    await untilAnswered(async () => {
      await this.#openLane(lane);
      await this.#publisher.publish(laneSubject(lane), payload, { msgID: id });
    }, this.#options);
    this.#ringSoon();
  }

  /** Once for all jobs that the server has confirmed together. */
  #ringSoon(): void {
    if (this.#isRinging) return;
    this.#isRinging = true;
    void this.#turn.wait().then(() => {
      this.#isRinging = false;
      if (!this.#connection.isClosed()) this.#connection.publish(subjects.bell);
    });
  }

  async #openLane(lane: JobLane): Promise<void> {
    const name = laneName(lane);
    if (this.#openLanes.has(name)) return;
    await this.ensure();
    await ensureConsumer(this.#connection, STREAM, consumerConfig(lane), this.#options);
    this.#openLanes.add(name);
  }

  /** A server that has lost its store comes back without lanes, and without the stream. */
  async #forgetLanesOnReconnect(): Promise<void> {
    for await (const { type } of this.#connection.status()) if (type === 'reconnect') this.#openLanes.clear();
  }

  async depth(): Promise<number> {
    const jsm = await manager(this.#connection);
    const { state } = await untilAnswered(() => jsm.streams.info(STREAM), this.#options);
    return state.messages;
  }

  consume(concurrency: () => number, handler: JobHandler): Subscription {
    const bell = new Bell(this.#connection, subjects.bell, this.#clock);
    const crew: Crew = {
      concurrency,
      handler,
      bell,
      running: new Set(),
      taking: undefined,
      lookMs: LOOK_MS,
      isDraining: false,
    };
    void this.#employ(crew);
    return {
      drain: async () => {
        crew.isDraining = true;
        bell.close();
        await Promise.allSettled([crew.taking]);
        await Promise.all(crew.running);
      },
    };
  }

  /** Keeps the crew at work; whatever goes wrong with asking, it asks again. */
  async #employ(crew: Crew): Promise<void> {
    const isOver = (): boolean => crew.isDraining || this.#connection.isClosed();
    const taker = new JobTaker(this.#connection, STREAM);
    while (!isOver()) {
      try {
        if (crew.running.size < crew.concurrency()) await this.#takeOne(crew, taker);
        else await Promise.race([...crew.running, pause(this.#clock, LOOK_MS)]);
      } catch (thrown) {
        if (!isOver()) this.#options.onTrouble?.(MeshError.from(thrown));
        await pause(this.#clock, RETRY_MS);
        await this.ensure().catch(() => {}); // the next look tells what is wrong
      }
    }
  }

  async #takeOne(crew: Crew, taker: JobTaker): Promise<void> {
    if (crew.bell.hush()) crew.lookMs = LOOK_AGAIN_MS;
    crew.taking = taker.take();
    const message = await crew.taking;
    if (message && crew.isDraining) message.nak();
    else if (message) this.#start(message, crew);
    else {
      await crew.bell.wait(crew.lookMs);
      crew.lookMs = Math.min(crew.lookMs * LOOK_GROWTH, LOOK_MS);
    }
  }

  #start(message: PulledMessage, { running, handler }: Crew): void {
    const work = handle(message, handler, { clock: this.#clock, onTrouble: this.#options.onTrouble }).finally(() =>
      running.delete(work),
    );
    running.add(work);
  }
}

/** The work of one `consume`. */
interface Crew {
  readonly concurrency: () => number;
  readonly handler: JobHandler;
  readonly bell: Bell;
  readonly running: Set<Promise<void>>;
  /** The latest look for a job. */
  taking: Promise<PulledMessage | undefined> | undefined;
  /** How long to wait for the bell before the next look. */
  lookMs: number;
  isDraining: boolean;
}

function streamConfig(maxJobs: number) {
  return {
    name: STREAM,
    subjects: [subjects.allQueued],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs: maxJobs,
    max_age: nanos(MAX_AGE_MS),
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  };
}

function consumerConfig(lane: JobLane) {
  return {
    durable_name: laneName(lane),
    filter_subject: laneSubject(lane),
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
    max_deliver: MAX_DELIVER,
  };
}
