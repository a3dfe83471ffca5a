/** The stores of the gateway without a server. Records are copied as JSON on their way in and out, as over a wire. */
import type { JobStore, Stored } from '#shared/bus/job-store.ts';
import type { ResultStore } from '#shared/bus/object-store.ts';
import { MeshError } from '#shared/errors/errors.ts';

export class MemoryJobStore<Record> implements JobStore<Record> {
  readonly #entries = new Map<string, { text: string; revision: number }>();
  #revision = 0;

  async get(job: string): Promise<Stored<Record> | undefined> {
    const entry = this.#entries.get(job);
    return entry && { record: JSON.parse(entry.text), revision: entry.revision };
  }

  async create(job: string, record: Record): Promise<boolean> {
    if (this.#entries.has(job)) return false;
    this.#write(job, record);
    return true;
  }

  async update(job: string, record: Record, revision: number): Promise<boolean> {
    if (this.#entries.get(job)?.revision !== revision) return false;
    this.#write(job, record);
    return true;
  }

  async recent(limit: number): Promise<Record[]> {
    const entries = [...this.#entries.values()].sort((a, b) => b.revision - a.revision);
    return entries.slice(0, limit).map(({ text }) => JSON.parse(text));
  }

  /** As its time to live does. */
  age(job: string): void {
    this.#entries.delete(job);
  }

  #write(job: string, record: Record): void {
    this.#entries.set(job, { text: JSON.stringify(record), revision: ++this.#revision });
  }
}

export class MemoryResultStore implements ResultStore {
  readonly bucket = 'memory';
  readonly #files = new Map<string, Uint8Array>();

  get names(): string[] {
    return [...this.#files.keys()].toSorted();
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    this.#files.set(name, bytes.slice());
  }

  async sizeBytes(name: string): Promise<number | undefined> {
    return this.#files.get(name)?.length;
  }

  async get(name: string): Promise<Uint8Array> {
    const bytes = this.#files.get(name);
    if (bytes) return bytes.slice();
    throw new MeshError('UNKNOWN_JOB', `There is no file "${name}".`, { name });
  }
}
