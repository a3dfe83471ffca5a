/** Puts the pieces of a job's checkpoints together: the furthest way that some run, and those it went on with, has come. */
import { Checkpoint } from '#shared/contracts/checkpoint.ts';
import { pick } from '#shared/tensor/tensor.ts';
import { decode } from '#shared/wire/codec.ts';

/** What is known of a job. */
export interface Known {
  /** The run that has come so far. */
  readonly run: string;
  /** Outputs of the model, call after call. */
  readonly numbers: Float32Array;
  /** The first step with LoRAs, from 0; null while there was none. */
  readonly loraEnteredStep: number | null;
}

/** One run's pieces, without gaps. */
interface Run {
  readonly base: Checkpoint['base'];
  readonly pieces: Float32Array[];
  end: number;
  loraEnteredStep: number | null;
}

/**
 * What the messages of a job say; undefined when nothing can be gone on with. Whatever cannot be read, belongs to another
 * request or follows a gap is left out.
 */
export function joinPieces(messages: readonly Uint8Array[], digest: string): Known | undefined {
  const runs = new Map<string, Run>();
  for (const message of messages) addPiece(runs, message, digest);
  const whole = [...runs].filter(([, run]) => run.end > 0 && isWhole(runs, run));
  const [furthest] = whole.toSorted(([, a], [, b]) => b.end - a.end);
  if (!furthest) return undefined;
  const [name, { end, loraEnteredStep }] = furthest;
  return { run: name, numbers: numbersOf(runs, name, end), loraEnteredStep };
}

function addPiece(runs: Map<string, Run>, message: Uint8Array, digest: string): void {
  const read = readPiece(message);
  if (read?.checkpoint.digest !== digest) return;
  const { checkpoint, numbers } = read;
  const { run: name, base, start, lora_entered_step: loraEnteredStep } = checkpoint;
  const run = runs.get(name) ?? { base, pieces: [], end: base?.count ?? 0, loraEnteredStep };
  if (start !== run.end) return;
  run.pieces.push(numbers);
  run.end += numbers.length;
  run.loraEnteredStep = loraEnteredStep;
  runs.set(name, run);
}

function readPiece(bytes: Uint8Array): { checkpoint: Checkpoint; numbers: Float32Array } | undefined {
  try {
    const { body, tensors } = decode(bytes);
    return { checkpoint: Checkpoint.parse(body), numbers: pick(tensors, 'noise_pred', 'f32').data };
  } catch {
    return undefined; // nothing of ours: the job begins from noise, as without it
  }
}

/** Whether the runs that it went on with have come as far as it says. Each base is further back, so this ends. */
function isWhole(runs: ReadonlyMap<string, Run>, { base }: Run): boolean {
  if (!base || base.count === 0) return true;
  const former = runs.get(base.run);
  if (!former || former.end < base.count || (former.base?.count ?? 0) >= base.count) return false;
  return isWhole(runs, former);
}

function numbersOf(runs: ReadonlyMap<string, Run>, name: string, count: number): Float32Array {
  const { base, pieces } = runs.get(name)!;
  const numbers = new Float32Array(count);
  let filled = base?.count ?? 0;
  if (base && filled > 0) numbers.set(numbersOf(runs, base.run, filled));
  for (const piece of pieces) {
    if (filled >= count) break;
    numbers.set(piece.subarray(0, count - filled), filled);
    filled += piece.length;
  }
  return numbers;
}
