/**
 * Calls an operation of some actor: picks the instance, carries the trace, and obeys the `retry` of what comes back. The
 * only place that retries, so a failure is never retried twice on its way up. Every operation is idempotent.
 */
import type { Bus } from '#shared/bus/bus.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Operation } from '#shared/contracts/operation.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { traceHeaders, withSpan } from '#shared/telemetry/tracing.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import type { Directory } from './directory.ts';

/** How a call is bound and steered. */
export interface MeshCallOptions {
  readonly deadlineUnixMs: number;
  readonly signal: AbortSignal;
  /** Names that the instance should hold already. */
  readonly holds?: readonly string[];
  /** This instance and no other: the state of an open session is there. */
  readonly instance?: string;
}

/** A typed reply, and who gave it. */
export interface MeshReply<Body> {
  readonly body: Body;
  readonly tensors: TensorMap;
  readonly instance: string;
}

/** Instances that may be lost under one call: an input that kills every process that touches it must not go round for ever. */
const MAX_LOST = 3;
/** Wait before an instance that said "later" is asked again, ms; doubled each time up to the maximum. */
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2000;

/** Resolves after a time, or rejects with the signal's reason. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** See the head of this file. */
export class MeshClient {
  readonly #bus: Bus;
  readonly #directory: Directory;
  readonly #sleep: Sleep;

  constructor(parts: { readonly bus: Bus; readonly directory: Directory; readonly sleep: Sleep }) {
    this.#bus = parts.bus;
    this.#directory = parts.directory;
    this.#sleep = parts.sleep;
  }

  /**
   * @throws MeshError the callee's, once its `retry` leaves no other way; NO_ACTOR when none came before the deadline;
   *   ACTOR_LOST when three instances in a row died under it; DEADLINE_EXCEEDED; CANCELLED
   */
  async call<Request, Reply>(
    operation: Operation<Request, Reply>,
    body: Request,
    tensors: TensorMap,
    options: MeshCallOptions,
  ): Promise<MeshReply<Reply>> {
    const failed = new Set<string>();
    let lost = 0;
    for (let attempt = 0; ; attempt++) {
      const instance = options.instance ?? (await this.#place(operation, options, failed));
      try {
        return await this.#callInstance(operation, body, tensors, { ...options, instance });
      } catch (thrown) {
        const error = MeshError.from(thrown);
        if (error.retry === 'never' || options.instance || options.signal.aborted) throw error;
        if (error.code === 'ACTOR_LOST' || error.code === 'NO_ACTOR') {
          this.#directory.forget(instance);
          if (++lost >= MAX_LOST) throw error;
        }
        if (error.retry === 'elsewhere') failed.add(instance);
        else await this.#sleep(Math.min(FIRST_BACKOFF_MS * 2 ** attempt, MAX_BACKOFF_MS), options.signal);
      }
    }
  }

  #callInstance<Request, Reply>(
    operation: Operation<Request, Reply>,
    body: Request,
    tensors: TensorMap,
    options: MeshCallOptions & { readonly instance: string },
  ): Promise<MeshReply<Reply>> {
    const { instance, deadlineUnixMs } = options;
    const name = `${operation.role}.${operation.name}`;
    const attributes = {
      'messaging.system': 'nats',
      'messaging.destination.template': name,
      'latentmesh.instance': instance,
    };
    return withSpan(`call ${name}`, { kind: 'client', attributes }, async () => {
      const subject = subjects.instance(operation.role, operation.name, instance);
      const reply = await this.#bus.call(subject, message(body, tensors), {
        deadlineUnixMs,
        signal: AbortSignal.any([options.signal, this.#directory.lost(instance)]),
        headers: traceHeaders(),
      });
      return { body: operation.reply.parse(reply.body), tensors: reply.tensors, instance };
    });
  }

  /** An instance that has not failed yet; when all have, the failures are forgiven and a heartbeat is awaited. */
  async #place<Request, Reply>(
    operation: Operation<Request, Reply>,
    options: MeshCallOptions,
    failed: Set<string>,
  ): Promise<string> {
    const wish = { exclude: failed, ...(options.holds && { holds: options.holds }) };
    for (;;) {
      const chosen = this.#directory.pick(operation.role, wish);
      if (chosen) return chosen.instance;
      failed.clear();
      const remainingMs = options.deadlineUnixMs - Date.now();
      if (remainingMs <= 0) throw noActor(operation.role);
      const deadline = AbortSignal.timeout(remainingMs);
      await this.#directory
        .nextHeartbeat(operation.role, AbortSignal.any([options.signal, deadline]))
        .catch((reason) => {
          throw deadline.aborted && !options.signal.aborted ? noActor(operation.role) : MeshError.from(reason);
        });
    }
  }
}

function noActor(role: string): MeshError {
  return new MeshError(
    'NO_ACTOR',
    `No ${role} answered before the deadline. Is one running? \`latentmesh status\` shows.`,
    { role },
  );
}
