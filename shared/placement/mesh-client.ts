/**
 * Calls an operation of some actor: picks the instance, carries the trace, and obeys the `retry` of what comes back. The
 * only place that retries, so a failure is never retried twice on its way up. Every operation is idempotent.
 */
import type { Bus, Transfer } from '#shared/bus/bus.ts';
import { type Clock, pause, systemClock } from '#shared/bus/clock.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Role } from '#shared/contracts/heartbeat.ts';
import type { Operation } from '#shared/contracts/operation.ts';
import { type ErrorCode, MeshError } from '#shared/errors/errors.ts';
import { type Attributes, traceHeaders, withSpan } from '#shared/telemetry/tracing.ts';
import { sizeBytes, type TensorMap } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import type { Directory } from './directory.ts';

/** How a call is bound and steered. */
export interface MeshCallOptions {
  readonly deadlineUnixMs: number;
  readonly signal: AbortSignal;
  /** Names that the instance should hold already. */
  readonly holds?: readonly string[];
  /** Turns that the work will take there; 1 when left out. */
  readonly turns?: number;
  /** This instance and no other: the state of an open session is there. */
  readonly instance?: string;
}

/** A typed reply, and who gave it. */
export interface MeshReply<Body> {
  readonly body: Body;
  readonly tensors: TensorMap;
  readonly instance: string;
}

/** Failures of an instance under one call: an input that kills every process that touches it must not go round for ever. */
const MAX_FAILURES = 3;
/** What may be the input's fault. Being busy, leaving or out of reach is not: there the deadline alone is the end. */
const COUNTED: ReadonlySet<ErrorCode> = new Set(['ACTOR_LOST', 'TRANSFER_FAILED', 'OUT_OF_MEMORY']);
/** Wait before asking again what said "later", ms; doubled each time up to the maximum. */
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2000;

type Name = Pick<Operation<unknown, unknown>, 'role' | 'name'>;
type Ask<Reply> = (instance: string) => Promise<Reply>;

/** See the head of this file. */
export class MeshClient {
  readonly #bus: Bus;
  readonly #directory: Directory;
  readonly #clock: Clock;

  constructor(parts: { readonly bus: Bus; readonly directory: Directory; readonly clock?: Clock }) {
    this.#bus = parts.bus;
    this.#directory = parts.directory;
    this.#clock = parts.clock ?? systemClock;
  }

  /**
   * @throws MeshError the callee's, once its `retry` leaves no other way or it failed for the third time; NO_ACTOR when none
   *   came before the deadline; DEADLINE_EXCEEDED, also when all were busy until then; CANCELLED
   */
  call<Request, Reply, Given>(
    operation: Operation<Request, Reply, Given>,
    body: Given,
    tensors: TensorMap,
    options: MeshCallOptions,
  ): Promise<MeshReply<Reply>> {
    const { instance, ...rest } = options;
    const ask = (at: string): Promise<MeshReply<Reply>> =>
      this.#callInstance(operation, at, { body, tensors, ...rest });
    return instance === undefined ? this.#askAny(operation, options, ask) : this.#askOne(instance, options, ask);
  }

  async #askAny<Reply>(operation: Name, options: MeshCallOptions, ask: Ask<Reply>): Promise<Reply> {
    const failed = new Set<string>();
    let failures = 0;
    for (let attempt = 0; ; attempt++) {
      const instance = await this.#place(operation.role, options, failed);
      try {
        const reply = await ask(instance);
        this.#directory.release(instance);
        return reply;
      } catch (thrown) {
        const error = MeshError.from(thrown);
        const isGone = this.#learn(operation, instance, error);
        if (COUNTED.has(error.code)) failures++;
        if (error.retry === 'never' || options.signal.aborted || failures >= MAX_FAILURES) throw error;
        if (error.retry === 'elsewhere') failed.add(instance);
        else if (!isGone) await this.#backOff(attempt, options);
      }
    }
  }

  /** Where only one instance will do, a full mailbox is waited for; any other failure is the caller's to judge. */
  async #askOne<Reply>(instance: string, options: MeshCallOptions, ask: Ask<Reply>): Promise<Reply> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask(instance);
      } catch (thrown) {
        const error = MeshError.from(thrown);
        if (error.code !== 'MAILBOX_FULL') throw error;
        await this.#backOff(attempt, options);
      }
    }
  }

  /**
   * What a failure says of the instance; errors that it hands on from others say nothing.
   * @returns whether it is gone
   */
  #learn({ role, name }: Name, instance: string, error: MeshError): boolean {
    if (error.code === 'MAILBOX_FULL') this.#directory.fill(instance);
    else this.#directory.release(instance);
    const isGone = error.code === 'ACTOR_LOST' || error.code === 'NO_ACTOR';
    const isOfIt = error.details.subject === subjects.instance(role, name, instance);
    if (isGone && isOfIt) this.#directory.forget(instance);
    return isGone && isOfIt;
  }

  async #backOff(attempt: number, { deadlineUnixMs, signal }: MeshCallOptions): Promise<void> {
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** attempt, MAX_BACKOFF_MS);
    await pause(this.#clock, Math.min(backoffMs, deadlineUnixMs - this.#clock.now()), signal);
  }

  #callInstance<Request, Reply, Given>(
    operation: Operation<Request, Reply, Given>,
    instance: string,
    request: Omit<MeshCallOptions, 'instance'> & { readonly body: Given; readonly tensors: TensorMap },
  ): Promise<MeshReply<Reply>> {
    const { body, tensors, deadlineUnixMs, signal } = request;
    const name = `${operation.role}.${operation.name}`;
    const attributes = {
      'messaging.system': 'nats',
      'messaging.operation.name': 'request',
      'messaging.operation.type': 'send',
      'messaging.destination.template': name,
      'latentmesh.instance': instance,
      'latentmesh.request_bytes': Object.values(tensors).reduce((sum, one) => sum + sizeBytes(one), 0),
    };
    return withSpan(`call ${name}`, { kind: 'client', attributes }, async (span) => {
      const subject = subjects.instance(operation.role, operation.name, instance);
      const reply = await this.#bus.call(subject, message(body, tensors), {
        deadlineUnixMs,
        signal: AbortSignal.any([signal, this.#directory.lost(instance)]),
        headers: traceHeaders(),
        hasOneCallee: true,
        onReply: (transfer) => span.set(transferAttributes(transfer)),
      });
      return { body: checkedReply(operation, reply.body), tensors: reply.tensors, instance };
    });
  }

  /** An instance that has not failed yet; when all have, the failures are forgiven and a change is awaited. */
  async #place(role: Role, options: MeshCallOptions, failed: Set<string>): Promise<string> {
    const { holds = [], turns = 1 } = options;
    const wish = { exclude: failed, holds, turns };
    for (;;) {
      const chosen = this.#directory.pick(role, wish);
      if (chosen) return chosen.instance;
      failed.clear();
      await this.#nextChange(role, options);
    }
  }

  async #nextChange(role: Role, { deadlineUnixMs, signal }: MeshCallOptions): Promise<void> {
    const late = new AbortController();
    const timer = this.#clock.after(deadlineUnixMs - this.#clock.now(), () => late.abort(this.#unplaced(role)));
    try {
      await this.#directory.nextChange(role, AbortSignal.any([signal, late.signal]));
    } finally {
      timer.cancel();
    }
  }

  #unplaced(role: Role): MeshError {
    const busy = this.#directory.instances(role).length;
    if (busy > 0) {
      return new MeshError('DEADLINE_EXCEEDED', `Every ${role} was busy until the deadline.`, { role, busy });
    }
    const text = `No ${role} was there before the deadline. Is one running? \`latentmesh status\` shows.`;
    return new MeshError('NO_ACTOR', text, { role });
  }
}

function transferAttributes({ route, sizeBytes, durationMs }: Transfer): Attributes {
  return {
    'latentmesh.route': route,
    'latentmesh.reply_bytes': sizeBytes,
    ...(route !== 'inline' && { 'latentmesh.transfer_ms': Math.round(durationMs * 100) / 100 }),
  };
}

function checkedReply<Request, Reply>({ role, name, reply }: Operation<Request, Reply>, body: unknown): Reply {
  const parsed = reply.safeParse(body);
  if (parsed.success) return parsed.data;
  const text = `The reply of ${role}.${name} is not as its contract says. Do all processes run the same version?`;
  throw new MeshError('WIRE_INVALID', text, { problems: parsed.error.issues.map((issue) => issue.message) });
}
