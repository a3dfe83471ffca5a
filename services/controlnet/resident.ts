/** The ControlNets in the device's memory: loaded when asked for, the one used longest ago leaves when the budget is full. */
import type { Library } from '#shared/checkpoint/library.ts';
import type { Device } from '#shared/session/device.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';
import { ControlNet } from './controlnet.ts';

/** What residents are made from. */
export interface ResidentOptions {
  readonly device: Device;
  readonly library: Library;
  readonly unet: UnetConfig;
  /** Memory for the weights of all residents, bytes. */
  readonly maxBytes: number;
}

/** See the head of this file. Used by one actor, one call at a time. */
export class ResidentControlNets {
  readonly #options: ResidentOptions;
  /** By path; the order is that of their last use. */
  readonly #loaded = new Map<string, ControlNet>();

  constructor(options: ResidentOptions) {
    this.#options = options;
  }

  /** Names of the residents. */
  get names(): string[] {
    return [...this.#loaded.values()].map((controlnet) => controlnet.name);
  }

  /**
   * The ControlNet of a name.
   * @param inUse names that must stay, because a session uses them
   * @throws MeshError UNKNOWN_CONTROLNET, CONTROLNET_MISMATCH, or what is wrong with its files
   */
  async get(name: string, inUse: ReadonlySet<string>): Promise<ControlNet> {
    const { device, library, unet } = this.#options;
    const entry = await library.findControlNet(name);
    const resident = this.#loaded.get(entry.path);
    const controlnet = resident ?? (await library.reading(() => ControlNet.load(device, entry, unet)));
    this.#loaded.delete(entry.path);
    this.#loaded.set(entry.path, controlnet);
    await this.#makeRoom(new Set([...inUse, controlnet.name]));
    return controlnet;
  }

  async #makeRoom(stay: ReadonlySet<string>): Promise<void> {
    const total = (): number => [...this.#loaded.values()].reduce((sum, one) => sum + one.bytes, 0);
    for (const [path, controlnet] of this.#loaded) {
      if (total() <= this.#options.maxBytes) return;
      if (stay.has(controlnet.name)) continue;
      this.#loaded.delete(path);
      await controlnet.release();
    }
  }
}
