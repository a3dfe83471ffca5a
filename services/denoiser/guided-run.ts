/**
 * What conditions each call of a job's run: one pair of embeddings with guidance from the first call to the last, or several
 * where a prompt is edited in mid-run, or stretches without guidance.
 *
 * Source: guidance in a part of the run is Kynkäänniemi et al. 2024 (Applying Guidance in a Limited Interval).
 */
import type { DenoiseRequest } from '#shared/contracts/denoiser.ts';
import { isControlled } from '#shared/diffusion/control-window.ts';
import { isGuided } from '#shared/diffusion/guidance.ts';
import type { ModelCall, Prediction } from './controlled-unet.ts';
import { type Guidance, type GuidanceParts, type GuidedJob, openGuidance } from './guidance.ts';
import { type HalvesParts, halvesOf } from './halves.ts';

/** What decides it, and what the halves are made from. */
export interface GuidedRequest extends Omit<HalvesParts, 'unet'> {
  readonly body: HalvesParts['body'] &
    Pick<DenoiseRequest, 'guidance_rescale' | 'guidance_start' | 'guidance_end' | 'conditionings'>;
}

/** One way to condition a call. */
interface Stretch {
  /** Of the embeddings. */
  readonly index: number;
  readonly isGuided: boolean;
}

/** @throws MeshError WRONG_SHAPE when embeddings are missing or not of one batch */
export function openGuidedRun(parts: GuidanceParts, job: GuidedJob, { body, ...given }: GuidedRequest): Guidance {
  const { guidance_scale: scale, guidance_rescale: rescale } = body;
  const { config: unet } = parts.unet;
  const open = (stretch: Stretch, more: Partial<GuidedJob> = {}): Guidance => {
    const halves = halvesOf({ body, unet, ...given }, stretch);
    return openGuidance(parts, { ...job, ...more }, { halves, scale, rescale });
  };
  const hasNegative = isGuided(scale, unet);
  const stretches = Array.from({ length: job.calls }, (_, call) => {
    const { index, isInWindow } = stretchAt(body, call, job.calls);
    return { index, isGuided: hasNegative && isInWindow };
  });
  const [first] = stretches;
  if (stretches.every((one) => nameOf(job.name, one) === nameOf(job.name, first!))) return open(first!);
  return new ChangingGuidance(stretches, (stretch, firstCall) =>
    open(stretch, { name: nameOf(job.name, stretch), firstCall }),
  );
}

function stretchAt(
  body: GuidedRequest['body'],
  call: number,
  calls: number,
): { readonly index: number; readonly isInWindow: boolean } {
  const { guidance_start: start, guidance_end: end, conditionings } = body;
  const index = conditionings.findLast(({ first_call }) => first_call <= call)?.index ?? 0;
  return { index, isInWindow: isControlled({ start, end }, call, calls) };
}

/** Of its ControlNet sessions, and of its place on the device. */
function nameOf(job: string, { index, isGuided }: Stretch): string {
  return `${job}-${index}${isGuided ? '' : '-alone'}`;
}

/** Each way is opened by its first call and stays open: prompts that alternate come back to it at every other step. */
class ChangingGuidance implements Guidance {
  readonly #stretches: readonly Stretch[];
  readonly #open: (stretch: Stretch, firstCall: number) => Guidance;
  readonly #opened = new Map<string, Guidance>();

  constructor(stretches: readonly Stretch[], open: (stretch: Stretch, firstCall: number) => Guidance) {
    this.#stretches = stretches;
    this.#open = open;
  }

  predict(call: ModelCall): Promise<Prediction> {
    const stretch = this.#stretches[call.index]!;
    const name = nameOf('', stretch);
    const guidance = this.#opened.get(name) ?? this.#open(stretch, call.index);
    this.#opened.set(name, guidance);
    return guidance.predict(call);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened.values()].map((guidance) => guidance.close()));
  }
}
