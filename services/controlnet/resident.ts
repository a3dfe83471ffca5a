/** The ControlNets in the device's memory: loaded when asked for, within a budget, beside the steps of those that are there. */
import { AsyncResource } from 'node:async_hooks';
import { RecentTimes } from '#shared/actor/turn-times.ts';
import type { Library, LibraryEntry } from '#shared/checkpoint/library.ts';
import type { Device } from '#shared/session/device.ts';
import { withSpan } from '#shared/telemetry/tracing.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';
import { ControlNet } from './controlnet.ts';
import { Shelf } from './shelf.ts';

/** What residents are made from. */
export interface ResidentOptions {
  readonly device: Device;
  readonly library: Library;
  readonly unet: UnetConfig;
  /** Memory for the weights of all residents, bytes. */
  readonly maxBytes: number;
}

/** See the head of this file. */
export class ResidentControlNets {
  readonly #options: ResidentOptions;
  readonly #shelf: Shelf<ControlNet>;
  readonly #loads = new RecentTimes();
  /** Bytes by path, once looked up. */
  readonly #sizes = new Map<string, number>();

  constructor(options: ResidentOptions) {
    this.#options = options;
    this.#shelf = new Shelf({ budgetBytes: options.maxBytes, dispose: (controlnet) => controlnet.release() });
  }

  /** Names of the residents; the one used last comes last. */
  get names(): string[] {
    return this.#shelf.names;
  }

  /** Requests that wait until theirs is loaded. */
  get waiting(): number {
    return this.#shelf.waiting;
  }

  /** The part of the heartbeat that tells of memory and loading. */
  describe(): { holds: string[]; resident_bytes: number; budget_bytes: number; load_ms: number | undefined } {
    const { names: holds, sizeBytes: resident_bytes } = this.#shelf;
    return { holds, resident_bytes, budget_bytes: this.#options.maxBytes, load_ms: this.#loads.medianMs };
  }

  /** @throws MeshError UNKNOWN_CONTROLNET, INVALID_REQUEST */
  find(name: string): Promise<LibraryEntry> {
    return this.#options.library.findControlNet(name);
  }

  /** Whether a ControlNet is there, or being made. */
  has(entry: LibraryEntry): boolean {
    return this.#shelf.has(entry.path);
  }

  /**
   * Borrows a ControlNet for the time of some work, which waits until it is loaded.
   * @throws MeshError CONTROLNET_MISMATCH, or what is wrong with its files; OUT_OF_MEMORY for one beyond the budget;
   *   MAILBOX_FULL; the signal's reason
   */
  async use<T>(entry: LibraryEntry, signal: AbortSignal, work: (controlnet: ControlNet) => Promise<T>): Promise<T> {
    const sizeBytes = this.#sizes.get(entry.path) ?? (await this.#measure(entry));
    // Whoever makes room may be another: the load belongs to the job that asks for it.
    const make = AsyncResource.bind(() => this.#load(entry));
    const wanted = { key: entry.path, name: entry.name, sizeBytes, make };
    return this.#shelf.use(wanted, signal, work);
  }

  async #measure(entry: LibraryEntry): Promise<number> {
    const { library, unet } = this.#options;
    const sizeBytes = await library.reading(() => ControlNet.check(entry, unet));
    this.#sizes.set(entry.path, sizeBytes);
    return sizeBytes;
  }

  #load(entry: LibraryEntry): Promise<ControlNet> {
    const { device, library, unet } = this.#options;
    return withSpan('controlnet.load', { attributes: { 'latentmesh.controlnet': entry.name } }, () =>
      this.#loads.measure(() => library.reading(() => ControlNet.load(device, entry, unet))),
    );
  }
}
