/**
 * The client for programs: a mesh over NATS as a few functions. `import { connectMesh } from 'latentmesh/client'`.
 *
 *     await using mesh = await connectMesh('nats://127.0.0.1:4222');
 *     const job = await mesh.submit({ prompt: 'a red boat on the sea', preview_every: 5 });
 *     for await (const event of mesh.events(job)) console.log(event.type);
 *     const [picture] = (await mesh.result(job)).images;
 *     await writeFile('boat.png', await mesh.png(picture));
 */
import { randomUUID } from 'node:crypto';
import { subscribeJson } from '#shared/bus/door.ts';
import { connectNats, type NatsOptions, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GeneratedImage, GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import type { JobEvent, JobListQuery, JobRecord } from '#shared/contracts/jobs.ts';
import { DEFAULT_DEADLINE_MS } from '#shared/contracts/limits.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { JobEvents } from './job-events.ts';
import { PatientRequests } from './patient-requests.ts';

/** A job's record as others see it. */
export type PublicRecord = Omit<JobRecord, 'reply_to'>;

/** The doors answer within a second; a large picture takes longer to be checked, ms. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Beyond a job's own deadline, so that the mesh's answer comes first, ms. */
const PATIENCE_MS = 10_000;

/** Where a client's nkey seed is, and the certificates that vouch for the server. */
export type ClientFiles = Pick<NatsOptions, 'nkeyFile' | 'caFile'>;

/** Connects to the mesh at a NATS server. @throws MeshError BUS_UNAVAILABLE; CONFIGURATION for wrong credentials */
export async function connectMesh(
  url: string,
  name = 'latentmesh-client',
  files: ClientFiles = {},
): Promise<MeshConnection> {
  return new MeshConnection(await connectNats({ url, name, identity: 'client', ...files }));
}

/** See the head of this file. All methods: @throws MeshError the mesh's; NO_ACTOR when no gateway runs */
export class MeshConnection implements AsyncDisposable {
  readonly #transport: NatsTransport;
  readonly #requests: PatientRequests;

  constructor(transport: NatsTransport) {
    this.#transport = transport;
    this.#requests = new PatientRequests(transport);
  }

  /** Accepts a job, and does not wait for it. The same name with the same request is the same job. @returns its name */
  async submit(request: GenerateInput): Promise<string> {
    const named = { ...request, job: request.job ?? randomUUID() };
    const headers = { prefer: 'respond-async' };
    const { job } = await this.#requests.request<{ job: string }>(subjects.generate, named, ANSWER_TIMEOUT_MS, headers);
    return job;
  }

  /**
   * Accepts a job and waits for its end; its events are handed on. An abort cancels it. Its pictures come with the answer where
   * they fit in. @throws MeshError of the job; CANCELLED
   */
  async generate(
    request: GenerateInput,
    signal?: AbortSignal,
    onEvent?: (event: JobEvent) => void,
  ): Promise<GenerateReply> {
    const named = { ...request, job: request.job ?? randomUUID() };
    const cancel = (): void => void this.cancel(named.job).catch(() => {}); // its outcome is that of the job
    const listening =
      onEvent && subscribeJson(this.#transport, subjects.events(named.job), (body) => onEvent(body as JobEvent));
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      const timeoutMs = (request.deadline_ms ?? DEFAULT_DEADLINE_MS) + PATIENCE_MS;
      const answer = this.#requests.request<GenerateReply>(subjects.generate, named, timeoutMs);
      if (signal?.aborted) cancel();
      return await answer;
    } finally {
      signal?.removeEventListener('abort', cancel);
      await listening?.drain();
    }
  }

  /** Hands on the events of every job from now on. */
  watch(onEvent: (event: JobEvent) => void): Promise<void> {
    return this.#requests.listen<JobEvent>(subjects.allEvents, onEvent);
  }

  /**
   * Where a job stands, then its events until the last one, which comes also when it is over already. Leaving the loop leaves
   * the job alone; an abort cancels it, and the loop ends with its last event.
   */
  async *events(job: string, signal?: AbortSignal): AsyncGenerator<JobEvent> {
    const { isEndEvent, JobEvent } = await import('#shared/contracts/jobs.ts');
    const heard = new JobEvents();
    const subscription = subscribeJson(this.#transport, subjects.events(job), (body) => {
      const event = JobEvent.safeParse(body).data;
      if (event) heard.push(event);
    });
    const cancel = (): void => void this.cancel(job).catch(() => {}); // its outcome is told by the last event
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      await this.#transport.flush();
      if (signal?.aborted) cancel();
      const unlisten = this.#transport.onStatus(({ type }) => type === 'connected' && void this.#recheck(job, heard));
      await this.#recheck(job, heard);
      try {
        for await (const event of heard) {
          yield event;
          if (isEndEvent(event)) return;
        }
      } finally {
        unlisten();
      }
    } finally {
      signal?.removeEventListener('abort', cancel);
      await subscription.drain();
    }
  }

  /** @throws MeshError of a job that failed; UNKNOWN_JOB */
  async result(job: string): Promise<GenerateReply> {
    const { state, result, error } = await this.job(job);
    if (result) return result;
    throw error ? MeshError.fromWire(error) : new MeshError('INVALID_REQUEST', `The job ${job} is ${state}.`, { job });
  }

  /** @throws MeshError UNKNOWN_JOB */
  job(job: string): Promise<PublicRecord> {
    return this.#ask(subjects.jobs, { job });
  }

  /** The newest first. */
  async jobs(query: Partial<JobListQuery> = {}): Promise<PublicRecord[]> {
    return (await this.#ask<{ jobs: PublicRecord[] }>(subjects.jobs, query)).jobs;
  }

  /** A job that is over stays as it is. @returns its record then */
  cancel(job: string): Promise<PublicRecord> {
    return this.#ask(subjects.cancel, { job });
  }

  status(): Promise<MeshStatus> {
    return this.#ask(subjects.status, {});
  }

  /** The PNG of a picture. @throws MeshError UNKNOWN_JOB once it is a day old */
  async png({ b64_json, object }: GeneratedImage): Promise<Uint8Array> {
    if (b64_json !== undefined) return Buffer.from(b64_json, 'base64');
    if (!object) throw new MeshError('WIRE_INVALID', 'The mesh sent neither a picture nor the name of one.');
    const { readObject } = await import('#shared/bus/object-store.ts');
    return readObject(this.#transport.connection, object);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Events may have been missed, before we listened or while we were away. */
  async #recheck(job: string, heard: JobEvents): Promise<void> {
    try {
      const { state, error } = await this.job(job);
      if (state === 'failed' && error) heard.push({ type: 'failed', job, error });
      else if (state === 'running') heard.push({ type: 'started', job });
      else if (state !== 'failed') heard.push({ type: state, job });
    } catch (thrown) {
      heard.fail(thrown);
    }
  }

  #ask<Reply>(subject: string, body: unknown): Promise<Reply> {
    return this.#requests.request<Reply>(subject, body, ANSWER_TIMEOUT_MS);
  }
}
