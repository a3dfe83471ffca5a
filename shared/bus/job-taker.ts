/** Takes one job at a time out of the lanes, in the order of job-turns.ts. Each worker keeps its own turns. */
import type { NatsConnection } from '@nats-io/transport-node';
import { manager } from './jet-stream.ts';
import { type JobLane, laneCalled, laneName } from './job-lanes.ts';
import { afterTaking, chooseLane, type JobTurns, NO_TURNS } from './job-turns.ts';
import { type PulledMessage, pullNow } from './pulled-message.ts';

/** See the head of this file. One call at a time. */
export class JobTaker {
  readonly #connection: NatsConnection;
  readonly #stream: string;
  #turns: JobTurns = NO_TURNS;

  constructor(connection: NatsConnection, stream: string) {
    this.#connection = connection;
    this.#stream = stream;
  }

  /** @returns undefined when no job waits; rejects when the server does not answer or has no such stream */
  async take(): Promise<PulledMessage | undefined> {
    let waiting = await this.#lanes();
    for (;;) {
      const lane = chooseLane(this.#turns, waiting);
      if (!lane) return undefined;
      const message = await pullNow(this.#connection, this.#stream, laneName(lane));
      if (message) {
        this.#turns = afterTaking(this.#turns, lane, waiting);
        return message;
      }
      waiting = waiting.filter((other) => other !== lane);
    }
  }

  /** Where a job may wait. Of jobs that were taken the server does not tell which ones come again: one has to ask. */
  async #lanes(): Promise<JobLane[]> {
    const { consumers } = await manager(this.#connection);
    const infos = await consumers.list(this.#stream).next();
    return infos
      .filter(({ num_pending, num_ack_pending }) => num_pending + num_ack_pending > 0)
      .flatMap(({ name }) => laneCalled(name) ?? []);
  }
}
