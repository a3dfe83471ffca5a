/** Steady load, and what became of every job of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { subscribeJson } from '#shared/bus/door.ts';
import { readObject } from '#shared/bus/object-store.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { PatientRequests } from '#shared/client/patient-requests.ts';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import type { JobEvent, JobRecord } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { decodeImage } from '#shared/image/decode.ts';
import type { Cluster } from './cluster.ts';

/** A kind of job, and the picture that a calm mesh made of it. */
export interface Kind {
  readonly name: string;
  readonly input: GenerateInput;
  /** Whether it may fail by its files, which a fault has spoiled. */
  readonly maySpoil?: boolean;
  calm?: Uint8Array;
}

/** A job that was sent, as its client knows it. */
export interface SentJob {
  readonly id: string;
  readonly kind: Kind;
  readonly sentMs: number;
  /** The latest attempt. */
  askedMs: number;
  endedMs?: number;
  /** An error that the client was told, the last one. */
  error?: string;
  picture?: Uint8Array;
  /** How often an end was told in its events. */
  ends: number;
}

/** Longest time that a client waits for one answer; with what is lost meanwhile it asks again. */
const ANSWER_TIMEOUT_MS = 20_000;
const CLIENT_PATIENCE_MS = 120_000;
const AGAIN_MS = 200;
const SPOILED = /^(?:SAFETENSORS_INVALID|FILE_UNREADABLE|UNKNOWN_LORA|LORA_)/;

/** See the head of this file. */
export class Load {
  readonly jobs: SentJob[] = [];
  /** Ends, by the clock of `performance`. */
  readonly endsMs: number[] = [];
  /** Time until QUEUE_FULL was told. */
  readonly refusalsMs: number[] = [];
  readonly #cluster: Cluster;
  readonly #client: PatientRequests;
  readonly #byId = new Map<string, SentJob>();
  readonly #prefix: string;
  #isOver = false;
  #clients: Promise<void>[] = [];

  constructor(cluster: Cluster, prefix: string) {
    this.#cluster = cluster;
    this.#prefix = prefix;
    this.#client = new PatientRequests(cluster.transport);
    subscribeJson(cluster.transport, subjects.allEvents, (body) => {
      const event = body as JobEvent;
      const job = this.#byId.get(event.job);
      const isRefusal = event.type === 'failed' && event.error.code === 'QUEUE_FULL'; // never accepted: it may come again
      if (job && !isRefusal && /^(?:done|failed|cancelled)$/.test(event.type)) job.ends++;
    });
  }

  /** Clients that send one job after the other, by turns of the kinds. */
  start(clients: number, kinds: readonly Kind[]): void {
    let next = 0;
    const work = async (): Promise<void> => {
      while (!this.#isOver) await this.run(kinds[next++ % kinds.length]!);
    };
    this.#clients = Array.from({ length: clients }, work);
  }

  /** Takes no new job, and waits for those that were sent. */
  async finish(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async run(kind: Kind): Promise<SentJob> {
    const job: SentJob = { id: `${this.#prefix}-${this.jobs.length}`, kind, ...sentNow(), ends: 0 };
    this.jobs.push(job);
    this.#byId.set(job.id, job);
    await this.#insist(job);
    job.endedMs = performance.now();
    this.endsMs.push(job.endedMs);
    return job;
  }

  /** A client that asks again, for the same job, whatever it is told but an answer that stays the same. */
  async #insist(job: SentJob): Promise<void> {
    const giveUpMs = performance.now() + CLIENT_PATIENCE_MS;
    while (performance.now() < giveUpMs) {
      try {
        job.picture = await this.#ask(job);
        delete job.error;
        return;
      } catch (thrown) {
        const { code, message, retry } = MeshError.from(thrown);
        if (code === 'QUEUE_FULL') this.refusalsMs.push(performance.now() - job.askedMs);
        job.error = `${code} ${message}`;
        // The client's own time-out, and what a mesh says that is not there: the job may well be running.
        if (code === 'DEADLINE_EXCEEDED' || retry !== 'never') await delay(AGAIN_MS);
        else return;
      }
    }
  }

  async #ask(job: SentJob): Promise<Uint8Array> {
    const { id, kind } = job;
    job.askedMs = performance.now();
    const input = { ...kind.input, job: id };
    const reply = await this.#client.request<GenerateReply>(subjects.generate, input, ANSWER_TIMEOUT_MS);
    const { b64_json: inline, object } = reply.images[0]!;
    const { connection } = this.#cluster.transport;
    const png = inline === undefined ? await readObject(connection, object!) : Buffer.from(inline, 'base64');
    return (await decodeImage(png)).data;
  }

  /** What is wrong with the jobs' outcomes, by the clients, the events and the records. */
  async findWrong(): Promise<string[]> {
    const wrong: string[] = [];
    for (const job of this.jobs)
      wrong.push(...(await this.#wrongWith(job)).map((text) => `${job.id} ${job.kind.name}: ${text}`));
    return wrong;
  }

  async #wrongWith(job: SentJob): Promise<string[]> {
    const record = await this.#record(job.id);
    const { calm, maySpoil = false } = job.kind;
    const isSpoiled =
      maySpoil && (record === undefined || SPOILED.test(record.error?.code ?? '')) && SPOILED.test(job.error ?? '');
    const isRight = job.picture !== undefined && calm !== undefined && Buffer.compare(job.picture, calm) === 0;
    return [
      ...(job.error !== undefined && !isSpoiled ? [`the client was told ${job.error}`] : []),
      ...(job.picture !== undefined && !isRight ? ['the picture is another one'] : []),
      ...(job.ends > 1 ? [`${job.ends} ends were told`] : []),
      ...(record?.state !== 'done' && !isSpoiled
        ? [`its record is ${record?.state ?? 'not there'} ${record?.error?.message ?? ''}`]
        : []),
    ];
  }

  async #record(job: string): Promise<JobRecord | undefined> {
    try {
      return await this.#client.request<JobRecord>(subjects.jobs, { job }, ANSWER_TIMEOUT_MS);
    } catch {
      return undefined;
    }
  }
}

function sentNow(): { sentMs: number; askedMs: number } {
  const nowMs = performance.now();
  return { sentMs: nowMs, askedMs: nowMs };
}
