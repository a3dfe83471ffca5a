/** Follows the events of one job over a lost connection, until it is over or the gateway says that there is no such job. */
import type { ErrorBody } from '../server.ts';
import type { Job } from './job.ts';

/** Who hears of the job. */
export interface JobWatcher {
  readonly change: (job: string, change: Partial<Job>) => void;
  /** It is over, or not followed by events: its record says the rest. */
  readonly end: () => void;
}

interface EventData {
  readonly step?: number;
  readonly steps?: number;
  readonly eta_ms?: number;
  readonly position?: number;
  readonly image?: string | readonly string[];
  readonly images?: readonly string[];
  readonly error?: ErrorBody;
}

/** Time after which a stream that the server closed is opened again, ms. */
const REOPEN_MS = 1000;
const FINAL = ['done', 'failed', 'cancelled'] as const;

/** Begins; returns the way to stop. */
export function follow(job: string, { change, end }: JobWatcher): () => void {
  let stream: EventSource;
  let reopening: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    clearTimeout(reopening);
    stream.close();
  };
  const on = (type: string, hear: (data: EventData) => void): void =>
    stream.addEventListener(type, ({ data }: MessageEvent<string>) => hear(JSON.parse(data) as EventData));

  const open = (): void => {
    stream = new EventSource(`v1/jobs/${job}/events`);
    on('queued', ({ position }) => change(job, { state: 'queued', ...(position !== undefined && { position }) }));
    on('started', () => change(job, { state: 'running' }));
    on('progress', (data) => change(job, progressOf(data)));
    on('preview', (data) => change(job, { state: 'running', previews: previewsOf(data) }));
    for (const type of FINAL) {
      on(type, () => {
        stop();
        end();
      });
    }
    stream.onerror = () => {
      // Either the gateway is away, then its record cannot be read either and stays as it is; or it knows no such job.
      stop();
      end();
      reopening = setTimeout(open, REOPEN_MS);
    };
  };
  open();
  return stop;
}

function progressOf({ step = 0, steps = 0, eta_ms }: EventData): Partial<Job> {
  return { state: 'running', step, steps, ...(eta_ms !== undefined && { etaMs: eta_ms }) };
}

function previewsOf({ image, images }: EventData): readonly string[] {
  return images ?? (typeof image === 'string' ? [image] : (image ?? []));
}
