/** What a check found, and the command that mends it. */

/** `missing` keeps the mesh from running; `note` is good to know. */
export type Severity = 'ok' | 'note' | 'missing';

/** One line of `latentmesh doctor`. */
export interface Finding {
  readonly what: string;
  readonly severity: Severity;
  /** What is there, or what is not. */
  readonly found: string;
  /** A command, or one sentence. */
  readonly remedy?: string;
}
