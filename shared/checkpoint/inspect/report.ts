/** What is told of a model's file or folder. */

/** Tensors of one part, by the prefixes of their names. */
export interface PartReport {
  readonly part: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  /** `f16`, or several. */
  readonly dtypes: readonly string[];
}

/** How an adapter changes its base. */
export interface AdapterReport {
  /** Modules of each kind: LoRA, LoHa … */
  readonly kinds: Readonly<Record<string, number>>;
  /** Smallest and largest rank, where its kinds have one. */
  readonly ranks?: readonly [number, number];
  /** How its modules are named. */
  readonly naming: string;
}

/** See the head of this file. */
export interface ModelReport {
  readonly path: string;
  /** checkpoint, vae, controlnet, lora, embedding, diffusers folder … */
  readonly kind: string;
  readonly base?: string;
  readonly bytes: number;
  readonly parts: readonly PartReport[];
  readonly adapter?: AdapterReport;
  /** Of the header, long values cut. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly loads: boolean;
  /** Why it does not load. */
  readonly problem?: { readonly code: string; readonly message: string };
  /** What was not looked at. */
  readonly note?: string;
}
