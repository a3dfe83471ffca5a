/** The recorded checkpoints with another UNet or scheduler than their base: what they have of their own, over that base. */
import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { goldenPath } from '../reference.ts';

/** One recorded picture. */
export interface DistilledCase {
  readonly case: string;
  readonly model: string;
  /** Folder of the checkpoint whose other parts the model has. */
  readonly base: string;
  readonly prompt: string;
  readonly negative_prompt: string | null;
  readonly seed: number;
  readonly steps: number;
  readonly guidance_scale: number;
  /** A1111's label; null for that of the model's configuration. */
  readonly sampler: string | null;
}

/** Every row of `cases.json`. */
export const DISTILLED_CASES = (
  JSON.parse(readFileSync(goldenPath('distilled', 'cases.json'), 'utf8')) as { cases: readonly DistilledCase[] }
).cases;

/** Writes the whole checkpoint into a folder. Returns its path. */
export async function copyDistilledModel({ model, base }: DistilledCase, folder: string): Promise<string> {
  const copy = join(folder, model);
  await cp(goldenPath(base), copy, { recursive: true });
  await cp(goldenPath('distilled', model), copy, { recursive: true });
  return copy;
}
