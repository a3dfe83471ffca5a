/** The mesh as it lives, once a second, for those who watch: instances, jobs, and what flows. Nobody watching costs nothing. */
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';
import type { Flow, MeshSnapshot, WatchedJob } from '#shared/contracts/mesh-watch.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { flowsOf, sumFlows } from './flows.ts';
import type { JobFeed } from './job-feed.ts';

/** What it looks at. */
export interface MeshWatchParts {
  readonly instances: () => readonly Heartbeat[];
  readonly feed: JobFeed;
  /** Hands on finished spans of all processes, until the returned function is called. */
  readonly listenSpans: (listener: (spans: readonly SpanRecord[]) => void) => () => void;
}

const LOOK_MS = 1000;
/** Jobs that wait in one snapshot: more than anyone reads. */
const MAX_WAITING = 50;

/** See the head of this file. */
export class MeshWatch {
  readonly #parts: MeshWatchParts;
  readonly #watchers = new Set<(snapshot: MeshSnapshot) => void>();
  #flows: Flow[] = [];
  #stop: (() => void) | undefined;

  constructor(parts: MeshWatchParts) {
    this.#parts = parts;
  }

  /** The first look is at once. Returns the way to stop. */
  watch(watcher: (snapshot: MeshSnapshot) => void): () => void {
    this.#watchers.add(watcher);
    this.#stop ??= this.#start();
    watcher(this.#look([]));
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #start(): () => void {
    const stopListening = this.#parts.listenSpans((spans) => this.#flows.push(...spans.flatMap(flowsOf)));
    const timer = setInterval(() => {
      const snapshot = this.#look(sumFlows(this.#flows));
      this.#flows = [];
      for (const watcher of this.#watchers) watcher(snapshot);
    }, LOOK_MS);
    return () => {
      stopListening();
      clearInterval(timer);
      this.#flows = [];
    };
  }

  #look(flows: readonly Flow[]): MeshSnapshot {
    const { instances, feed } = this.#parts;
    const { waiting, running } = feed.present();
    const jobs = [
      ...[...running].map(([job, { progress }]) => runningJob(job, progress)),
      ...waiting.slice(0, MAX_WAITING).map((job) => ({ job, state: 'queued' as const })),
    ];
    return { instances: instances(), jobs, more_waiting: Math.max(waiting.length - MAX_WAITING, 0), flows };
  }
}

function runningJob(
  job: string,
  progress: { readonly step: number; readonly steps: number; readonly instance?: string | undefined } | undefined,
): WatchedJob {
  if (!progress) return { job, state: 'running' };
  const { step, steps, instance } = progress;
  return { job, state: 'running', step, steps, ...(instance !== undefined && { instance }) };
}
