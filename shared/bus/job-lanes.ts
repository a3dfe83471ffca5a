/** The lanes of the job queue: one for each class and client, clients of the same hash together. */
import { createHash } from 'node:crypto';
import { subjects } from './subjects.ts';

/** Classes of jobs, the first to be served first. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;

/** A class of jobs. */
export type JobPriority = (typeof PRIORITIES)[number];

/** Jobs of one lane are taken in the order in which they came. */
export interface JobLane {
  readonly priority: JobPriority;
  /** 0: clients without a name, 1 … NAMED_LANES: the others. */
  readonly number: number;
}

/** Lanes of a class for clients with a name: each lane that was ever used is a consumer of the server, for good. */
const NAMED_LANES = 16;
const NAME = new RegExp(`^(${PRIORITIES.join('|')})-(\\d+)$`);

/** The lane of a client's jobs. */
export function laneOf(priority: JobPriority, client: string | undefined): JobLane {
  if (client === undefined) return { priority, number: 0 };
  const hash = createHash('sha256').update(client).digest().readUInt32LE(0);
  return { priority, number: 1 + (hash % NAMED_LANES) };
}

/** The lane as a word, `normal-0`; its consumer is called so. */
export function laneName({ priority, number }: JobLane): string {
  return `${priority}-${number}`;
}

/** The lane of this name; undefined for any other word. */
export function laneCalled(name: string): JobLane | undefined {
  const [, priority, number] = NAME.exec(name) ?? [];
  return priority === undefined ? undefined : { priority: priority as JobPriority, number: Number(number) };
}

/** Where the jobs of a lane are published. */
export function laneSubject({ priority, number }: JobLane): string {
  return subjects.queue(priority, `${number}`);
}
