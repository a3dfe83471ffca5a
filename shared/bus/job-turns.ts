/**
 * From which lane the next job is taken: the higher class first, within a class the lane whose turn is longest ago.
 *
 * A class that was passed over PATIENCE times goes before higher ones. Two classes may come to that at once, so a class that
 * waits is passed over at most PATIENCE + 1 times: of any ten jobs taken in a row one at least is of each class that waits.
 * A lane waits while every other lane of its class has one turn at most.
 */
import { type JobLane, type JobPriority, laneName, PRIORITIES } from './job-lanes.ts';

/** Jobs of other classes that are taken before a class that waits comes first. */
const PATIENCE = 8;

/** What was taken so far, as far as it matters. */
export interface JobTurns {
  readonly taken: number;
  /** Jobs taken since the class began to wait. */
  readonly passedOver: Readonly<Partial<Record<JobPriority, number>>>;
  /** The latest turn of each lane, by its name. */
  readonly latest: ReadonlyMap<string, number>;
}

/** Before the first job. */
export const NO_TURNS: JobTurns = { taken: 0, passedOver: {}, latest: new Map() };

/** @returns one of the lanes where jobs wait; undefined when there is none */
export function chooseLane(turns: JobTurns, waiting: readonly JobLane[]): JobLane | undefined {
  const priority = chooseClass(turns, waiting);
  const latest = (lane: JobLane): number => turns.latest.get(laneName(lane)) ?? 0;
  const [longestAgo] = waiting
    .filter((lane) => lane.priority === priority)
    .toSorted((a, b) => latest(a) - latest(b) || a.number - b.number);
  return longestAgo;
}

function chooseClass({ passedOver }: JobTurns, waiting: readonly JobLane[]): JobPriority | undefined {
  const present = PRIORITIES.filter((priority) => waiting.some((lane) => lane.priority === priority));
  const passes = (priority: JobPriority): number => passedOver[priority] ?? 0;
  // Of those equally overdue the lower one: what is above it is served anyway.
  const [overdue] = present
    .filter((priority) => passes(priority) >= PATIENCE)
    .toReversed()
    .toSorted((a, b) => passes(b) - passes(a));
  return overdue ?? present[0];
}

/** The turns after a job of this lane was taken, while jobs waited in all of `waiting`. */
export function afterTaking(turns: JobTurns, lane: JobLane, waiting: readonly JobLane[]): JobTurns {
  const taken = turns.taken + 1;
  const passed = PRIORITIES.filter(
    (priority) => priority !== lane.priority && waiting.some((other) => other.priority === priority),
  );
  return {
    taken,
    passedOver: Object.fromEntries(passed.map((priority) => [priority, (turns.passedOver[priority] ?? 0) + 1])),
    latest: new Map(turns.latest).set(laneName(lane), taken),
  };
}
