/** "Why was this slow", in words: what the time of a job went into, and what would make the largest part smaller. */

import type { SpanRecord } from '#shared/contracts/span.ts';
import { type Cause, type TimeShares, timeShares } from './time-shares.ts';

/** Words for a cause, and what helps. */
interface CauseText {
  readonly what: string;
  readonly remedy: string;
}

/** Where a change has an environment variable or an option, its name is told: docs/operate.md has the rest. */
const TEXTS: Readonly<Record<Cause, CauseText>> = {
  lost: {
    what: 'was work that was lost with an instance and done again',
    remedy: 'the log of the instance tells why it went',
  },
  compute: {
    what: 'was computing',
    remedy: 'fewer steps, a smaller picture or a faster device',
  },
  controlnet: {
    what: 'was waiting for ControlNets that computed longer than the UNet beside them',
    remedy: 'a device for each ControlNet (`--replicas controlnet=N`), or a shorter window (control_guidance_end)',
  },
  'controlnet load': {
    what: 'was loading a ControlNet that was not resident',
    remedy: 'a larger LATENTMESH_CONTROLNET_CACHE_BYTES, or one more controlnet process, keeps it there',
  },
  lora: {
    what: 'was waiting for a LoRA to be read and multiplied',
    remedy:
      '`lora_start` {max_steps: K} begins without it, and a larger LATENTMESH_PATCH_CACHE_BYTES keeps it for the next job',
  },
  transfer: {
    what: 'was waiting for replies on their way',
    remedy: 'LATENTMESH_DIRECT_HOST lets them go from process to process instead of through NATS',
  },
  device: {
    what: 'was waiting for a device that others used',
    remedy: 'more instances of the busy role (`latentmesh status` tells which)',
  },
  'controlnet wait': {
    what: 'was waiting for a ControlNet that others used',
    remedy: 'more controlnet processes (`--replicas controlnet=N`)',
  },
  pictures: { what: 'was writing pictures', remedy: 'a faster disk for NATS, or smaller pictures' },
  admission: { what: 'was checking the request and its images', remedy: 'smaller images in the request' },
  queue: {
    what: 'was waiting in the queue',
    remedy: 'more denoisers (`--replicas denoiser=N`), or a higher priority',
  },
  turn: {
    what: 'was waiting for a denoiser to be free',
    remedy: 'more denoisers (`--replicas denoiser=N`)',
  },
  mesh: {
    what: 'was the mesh itself: messages, sampler, bookkeeping',
    remedy: 'nothing of the job; if it is much, the machine is busy with something else',
  },
};

/** Below this a part is not worth a word. */
const LEAST_SHARE = 0.03;
const MOST_PARTS = 4;

/** Why a job took as long as it did. */
export interface WhySlow extends TimeShares {
  /** Two sentences: the parts, and what makes the largest of them smaller. */
  readonly text: string;
}

/** Takes the spans of one trace; undefined when there are none any more. */
export function whySlow(spans: readonly SpanRecord[]): WhySlow | undefined {
  if (spans.length === 0) return undefined;
  const times = timeShares(spans);
  const parts = times.shares.filter(({ share }, i) => i === 0 || share >= LEAST_SHARE).slice(0, MOST_PARTS);
  const said = parts.map(({ cause, share }) => `${Math.round(share * 100)} % ${TEXTS[cause].what}`);
  const [first] = parts;
  const remedy = first ? ` What would help most: ${TEXTS[first.cause].remedy}.` : '';
  return { ...times, text: `Of ${duration(times.totalMs)}, ${joined(said)}.${remedy}` };
}

function joined(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
