/** Reading LoRA files on one host: the first time from wherever they are, later from the page cache. */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { SimulationClock } from '#shared/session/simulated/clock.ts';
import { readMs } from '#shared/session/simulated/read-time.ts';

/** See the head of this file. */
export class LoraReader {
  readonly #lora: DeviceProfile['lora'];
  readonly #clock: SimulationClock;
  readonly #seen = new Set<string>();

  constructor({ lora }: DeviceProfile, clock: SimulationClock) {
    this.#lora = lora;
    this.#clock = clock;
  }

  /** All of them at once, as loaders of their own would. */
  async read(names: readonly string[]): Promise<void> {
    const times = names.map((name) => readMs(this.#lora, name, !this.#seen.has(name)));
    for (const name of names) this.#seen.add(name);
    await this.#clock.until(this.#clock.now() + Math.max(0, ...times));
  }
}
