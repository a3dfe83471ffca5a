/** The jobs of this browser: asked for, followed, kept. The gateway knows them too, so a reload finds them again. */
import { computed, effect, signal } from '@preact/signals';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { ask, bodyOf, type ServedImage, type ServedJob, ServerError } from '../server.ts';
import { follow } from './follow-job.ts';
import { isRunning, type Job } from './job.ts';
import { epoch } from './mesh.ts';
import { stored } from './stored.ts';

/** Jobs that are kept and shown. */
const MAX_JOBS = 60;
/** Steps between two looks at the picture on its way. */
const PREVIEW_EVERY = 1;
/** Jobs followed at once: browsers open six connections to one server, for all of its windows. */
const MAX_FOLLOWED = 2;

/** Who this browser is, for the gateway's list and its queue. */
export const client = stored(
  'client',
  `studio-${crypto.randomUUID?.() ?? Math.random().toString(36).slice(2)}`,
  String,
);

const keptOf = (list: readonly Job[]): readonly Job[] => list.map((job) => ({ ...job, previews: [] }));

/** Newest first. */
export const jobs = stored<readonly Job[]>(
  'jobs',
  [],
  (kept) => keptOf((kept as Job[]).filter((job) => typeof job.job === 'string')),
  keptOf,
);
/** The job that is looked at. */
export const selectedId = signal<string | undefined>(undefined);
/** See {@link selectedId}; the newest when none was chosen. */
export const selected = computed(
  () => jobs.value.find(({ job }) => job === selectedId.value) ?? (selectedId.value ? undefined : jobs.value[0]),
);
/** Jobs that are not over. */
export const running = computed(() => jobs.value.filter(isRunning));

/** Changes what is known of a job. */
export function setJob(job: string, change: Partial<Job>): void {
  jobs.value = jobs.value.map((one) => (one.job === job ? { ...one, ...change } : one));
}

/** Asks for pictures and looks at them. @throws ServerError with the field that is wrong */
export async function submit(request: GenerateInput): Promise<void> {
  const body = { ...request, client: client.value, preview_every: PREVIEW_EVERY };
  const { job } = await ask<{ job: string }>('POST', 'v1/jobs', body);
  const fresh = newJob(job, Date.now(), { prompt: String(request.prompt), batch: request.batch ?? 1 });
  jobs.value = [{ ...fresh, steps: request.steps ?? 0 }, ...jobs.value].slice(0, MAX_JOBS);
  selectedId.value = job;
}

/** Gives a job up. */
export async function cancel(job: string): Promise<void> {
  try {
    hearRecord(await ask<ServedJob>('DELETE', `v1/jobs/${job}`));
  } catch (thrown) {
    if (thrown instanceof ServerError && thrown.status === 404) setJob(job, forgotten());
  }
}

/** Takes in what the gateway keeps of this browser, and goes on following; again whenever it comes back. */
export async function restoreJobs(): Promise<void> {
  followRunning();
  effect(() => {
    if (epoch.value > 0) void readList();
  });
}

async function readList(): Promise<void> {
  try {
    const query = new URLSearchParams({ client: client.value, limit: String(MAX_JOBS) });
    const { jobs: served } = await ask<{ jobs: ServedJob[] }>('GET', `v1/jobs?${query}`);
    for (const record of served.toReversed()) hearRecord(record);
  } catch {
    // An older list will do until the gateway answers.
  }
}

/** Takes in the gateway's record of a job. */
export function hearRecord(record: ServedJob): void {
  const known = jobs.value.find(({ job }) => job === record.job);
  const { prompt, batch } = (record.request ?? {}) as { prompt?: string; batch?: number };
  const [first] = record.result?.images ?? [];
  const merged: Job = {
    ...(known ?? newJob(record.job, record.created_unix_ms, { prompt: prompt ?? promptOf(first), batch: batch ?? 1 })),
    state: record.state,
    images: record.result?.images ?? [],
    warnings: record.result?.warnings ?? [],
    ...(record.result?.timings && { timings: record.result.timings }),
    ...(record.error && { error: record.error }),
    ...(record.request && { request: record.request as GenerateInput }),
  };
  const rest = jobs.value.filter(({ job }) => job !== record.job);
  jobs.value = [merged, ...rest].sort((a, b) => b.createdUnixMs - a.createdUnixMs).slice(0, MAX_JOBS);
}

function promptOf(image: ServedImage | undefined): string {
  return image?.parameters.split('\n')[0] ?? '';
}

function newJob(job: string, createdUnixMs: number, { prompt, batch }: { prompt: string; batch: number }): Job {
  const nothing = { step: 0, steps: 0, previews: [], images: [], warnings: [] };
  return { job, createdUnixMs, prompt, batch, state: 'queued', ...nothing };
}

function forgotten(): Partial<Job> {
  const message = 'The gateway does not know this job any more. Its settings are still here: use them again.';
  return { state: 'failed', error: { code: 'UNKNOWN_JOB', message } };
}

/** Keeps the oldest running jobs followed. */
function followRunning(): void {
  const followed = new Map<string, () => void>();
  effect(() => {
    const due = running.value.slice(-MAX_FOLLOWED).map(({ job }) => job);
    for (const [job, stop] of followed) {
      if (due.includes(job)) continue;
      stop();
      followed.delete(job);
    }
    for (const job of due) {
      if (!followed.has(job)) followed.set(job, follow(job, { change: setJob, end: () => void readRecord(job) }));
    }
  });
}

async function readRecord(job: string): Promise<void> {
  try {
    hearRecord(await ask<ServedJob>('GET', `v1/jobs/${job}`));
  } catch (thrown) {
    if (thrown instanceof ServerError && thrown.status === 404) setJob(job, forgotten());
    else if (thrown instanceof ServerError && thrown.status > 0)
      setJob(job, { state: 'failed', error: bodyOf(thrown) });
  }
}
