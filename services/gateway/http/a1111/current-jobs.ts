/** The jobs that came by A1111's API and are not over: its /progress and /interrupt name none. */
import { MeshError } from '#shared/errors/errors.ts';
import type { JobFeed } from '../../job-feed.ts';

/** See the head of this file. Those of this gateway alone. */
export class CurrentJobs {
  readonly #feed: JobFeed;
  /** In the order in which they came. */
  readonly #jobs = new Map<string, AbortController>();

  constructor(feed: JobFeed) {
    this.#feed = feed;
  }

  /** Counts a job until `work` has ended. Its signal is the caller's, and that of /interrupt. */
  async during<T>(job: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const interrupt = new AbortController();
    this.#jobs.set(job, interrupt);
    try {
      return await work(AbortSignal.any([signal, interrupt.signal]));
    } finally {
      this.#jobs.delete(job);
    }
  }

  /** The oldest, which runs first. */
  get first(): string | undefined {
    return this.#jobs.keys().next().value;
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Gives up the oldest. Its error has the latest preview in `details.image`, base64: the web UI answers with what there is. */
  interrupt(message: string): void {
    const { first } = this;
    if (first === undefined) return;
    const image = this.#previewOf(first);
    this.#jobs.get(first)!.abort(new MeshError('CANCELLED', message, image === null ? {} : { image }));
  }

  /** How far a job is, as the web UI tells it; nothing runs without one. */
  progress(job: string | undefined): object {
    const { progress } = (job !== undefined && this.#feed.underWay(job)) || {};
    const { step = 0, steps = 0, eta_ms = 0 } = progress ?? {};
    return {
      progress: steps === 0 ? 0 : step / steps,
      eta_relative: eta_ms / 1000,
      state: {
        skipped: false,
        interrupted: false,
        stopping_generation: false,
        job: job ?? '',
        job_count: this.size,
        job_timestamp: '0',
        job_no: 0,
        sampling_step: step,
        sampling_steps: steps,
      },
      current_image: job === undefined ? null : this.#previewOf(job),
      textinfo: job === undefined ? null : this.#waiting(job),
    };
  }

  #previewOf(job: string): string | null {
    const [image] = this.#feed.underWay(job)?.preview?.images ?? [];
    return image?.slice(image.indexOf(',') + 1) ?? null;
  }

  #waiting(job: string): string | null {
    const position = this.#feed.position(job);
    return position === undefined ? null : `Waiting: ${position} before it.`;
  }
}
