/** What a worker does with a job that it has taken: the handler's work, signs of life meanwhile, and the word to the server. */
import { MeshError } from '#shared/errors/errors.ts';
import type { Clock } from './clock.ts';
import { parseJson } from './json-payload.ts';
import type { PulledMessage } from './pulled-message.ts';

/** Time between two signs of life. */
export const WORKING_MS = 1000;
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

/** The time, and who hears of jobs that are dropped. */
export interface Handling {
  readonly clock: Clock;
  readonly onTrouble?: ((error: MeshError) => void) | undefined;
}

/** Resolves when the server was told what became of the job; never rejects. */
export async function handle(
  message: PulledMessage,
  handler: JobHandler,
  { clock, onTrouble }: Handling,
): Promise<void> {
  const stopWorking = keepWorking(message, clock);
  try {
    await handler(readJob(message), { deliveryCount: message.deliveryCount });
    // Waits for the server's word, so that closing the connection next loses no ack. Unheard, the job comes again (Q2).
    await message.ack().catch(() => {});
  } catch (thrown) {
    const error = MeshError.from(thrown);
    if (error.retry === 'never') onTrouble?.(error); // nobody will hear of it again
    giveBack(message, error);
  } finally {
    stopWorking();
  }
}

function keepWorking(message: PulledMessage, clock: Clock): () => void {
  const tick = (): void => {
    message.working();
    timer = clock.after(WORKING_MS, tick);
  };
  let timer = clock.after(WORKING_MS, tick);
  return () => timer.cancel();
}

/** @throws MeshError INVALID_JSON, INVALID_REQUEST for what somebody else put into the queue */
function readJob(message: PulledMessage): Job {
  const job = parseJson(message.data) as Partial<Job> | null;
  if (typeof job?.id !== 'string') throw new MeshError('INVALID_REQUEST', 'The queue holds something that is no job.');
  return { id: job.id, body: job.body };
}

function giveBack(message: PulledMessage, error: MeshError): void {
  if (error.retry === 'never') message.term();
  else message.nak(error.retry === 'later' ? NAK_LATER_MS : NAK_ELSEWHERE_MS);
}
