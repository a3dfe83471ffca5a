/** Steps and the model calls that they are made of: Heun makes two in every step but its last, PLMS two in its first. */

/** A run, in steps as people count them, and in calls of the model. */
export interface StepCalls {
  readonly steps: number;
  readonly calls: number;
}

/** The call that a step begins with; both count from 0. */
export function firstCallOf(step: number, { steps, calls }: StepCalls): number {
  return Math.ceil((step * calls) / steps);
}

/** The step that begins with a call; undefined in the middle of one. */
export function stepBeginningAt(call: number, run: StepCalls): number | undefined {
  const step = Math.floor((call * run.steps) / run.calls);
  return firstCallOf(step, run) === call ? step : undefined;
}
