/** What a benchmark is: something that runs and comes back with a table, whatever it measured. */

/** How thorough to be. */
export interface RunOptions {
  /** Fewer repetitions and steps: to see that it works, not to quote. */
  readonly isQuick: boolean;
  /** Tells people what is going on. */
  readonly note: (text: string) => void;
}

/** One thing that was to be reached. */
export interface Goal {
  readonly what: string;
  /** `≤ 1.15` */
  readonly goal: string;
  readonly measured: string;
  readonly holds: boolean;
}

/** Rows of cells below their heads. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** Bars of one unit, with a line where the goal lies. */
export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly { readonly label: string; readonly value: number }[];
  readonly goal?: number;
}

/** What a benchmark found. */
export interface Finding {
  readonly table: Table;
  readonly goals: readonly Goal[];
  readonly plot: Plot;
  /** Every single measurement. JSON. */
  readonly samples: unknown;
}

/** See the head of this file. */
export interface Benchmark {
  /** Kebab-case: names the files of its results. */
  readonly name: string;
  readonly title: string;
  readonly measured: string;
  readonly notMeasured: string;
  readonly run: (options: RunOptions) => Promise<Finding>;
}

/** A goal from above. */
export function atMost(what: string, limit: number, value: number, unit = ''): Goal {
  return { what, goal: `≤ ${limit}${unit}`, measured: `${rounded(value)}${unit}`, holds: value <= limit };
}

/** A goal from below. */
export function atLeast(what: string, limit: number, value: number, unit = ''): Goal {
  return { what, goal: `≥ ${limit}${unit}`, measured: `${rounded(value)}${unit}`, holds: value >= limit };
}

/** Three significant digits and no fewer than the whole number. */
export function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
