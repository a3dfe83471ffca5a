/** A job as its caller and a listener to its events see it. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { subscribeJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { PatientRequests } from '#shared/client/patient-requests.ts';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { JobEvent } from '#shared/contracts/jobs.ts';
import { MeshError, type WireError } from '#shared/errors/errors.ts';
import { decodeImage } from '#shared/image/decode.ts';
import type { TestMesh } from '../mesh-kit.ts';

/** Longest time that a job of these tests may take, with every restart in it. */
const PATIENCE_MS = 60_000;

/** See the head of this file. */
export class WatchedJob {
  readonly id: string;
  /** The one answer that the caller gets; a caller asks again after it was disconnected, as the command line does. */
  readonly reply: Promise<GenerateReply>;
  /** Everything told of it so far. */
  readonly events: JobEvent[] = [];
  readonly #mesh: TestMesh;
  readonly #told = new EventTarget();

  private constructor(mesh: TestMesh, id: string, send: () => Promise<GenerateReply>) {
    this.#mesh = mesh;
    this.id = id;
    subscribeJson(mesh.transport, subjects.events(id), (body) => {
      this.events.push(JobEvent.parse(body));
      this.#told.dispatchEvent(new Event('told'));
    });
    this.reply = send();
    this.reply.catch(() => {}); // whoever wants the error waits for it later
  }

  /** Steps told so far, in their order; one that is run again tells them again. */
  get steps(): number[] {
    return this.events.flatMap((event) => (event.type === 'progress' ? [event.step] : []));
  }

  /** Sends a job over NATS. */
  static send(mesh: TestMesh, input: GenerateInput): WatchedJob {
    const id = input.job ?? randomUUID();
    const client = new PatientRequests(mesh.transport);
    return new WatchedJob(mesh, id, () => client.request(subjects.generate, { ...input, job: id }, PATIENCE_MS));
  }

  /** Sends a job over HTTP. @throws MeshError by its `reply`, what the answer says */
  static post(mesh: TestMesh, input: GenerateInput, signal?: AbortSignal): WatchedJob {
    const id = input.job ?? randomUUID();
    return new WatchedJob(mesh, id, () => postImages(mesh.httpUrl, { ...input, job: id }, signal));
  }

  /** Resolves with the first event, told or to come, that `matches`. */
  async told(matches: (event: JobEvent) => boolean): Promise<JobEvent> {
    for (;;) {
      const event = this.events.find(matches);
      if (event) return event;
      await new Promise((resolve) => this.#told.addEventListener('told', resolve, { once: true }));
    }
  }

  /** Resolves when a step has been made, the first by default. */
  step(step = 1): Promise<JobEvent> {
    return this.told((event) => event.type === 'progress' && event.step >= step);
  }

  started(): Promise<JobEvent> {
    return this.told((event) => event.type === 'started');
  }

  /** RGB of its picture, once it is there and the job was found to have had one outcome. */
  async picture(): Promise<Uint8Array> {
    const { data } = await decodeImage(await this.#mesh.png(await this.reply));
    await this.expectOutcome('done');
    return data;
  }

  /** The record says so, and so do the events, once. */
  async expectOutcome(state: 'done' | 'failed' | 'cancelled'): Promise<void> {
    await this.told((event) => event.type === state);
    expect((await this.#mesh.record(this.id)).state).toBe(state);
    const ends = this.events.map(({ type }) => type).filter((type) => /done|failed|cancelled/.test(type));
    expect(ends).toEqual([state]);
  }
}

async function postImages(url: string, input: GenerateInput, signal?: AbortSignal): Promise<GenerateReply> {
  const { width, height, ...rest } = input;
  const response = await fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...rest, size: `${width}x${height}` }),
    ...(signal && { signal }),
  });
  const { error, data, ...reply } = (await response.json()) as { error?: WireError; data: GenerateReply['images'] };
  if (error) throw MeshError.fromWire(error);
  return { ...reply, images: data } as GenerateReply;
}
