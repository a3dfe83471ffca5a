/**
 * How Diffusers serves: each instance is one process on one device that does everything one after the other, and loads a
 * request's adapters before it begins.
 *
 * Source: Katz (ATC'25), its baseline and the logs of its artifact.
 */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { SimulationClock } from '#shared/session/simulated/clock.ts';
import type { Picture } from '../workload/published-traffic.ts';
import { Pool } from './pool.ts';
import { Processor } from './processor.ts';
import type { ServingSystem, Usage } from './system.ts';

/** Both halves of guidance in one run. */
const BATCH = 2;
/**
 * Reading a LoRA and injecting it by PEFT, ms: medians of "Load LoRA" are 3.2 s for one and 7.4 s for two (logs of the artifact
 * of Katz). They hold for files in the page cache; what a first read takes longer is left out, in its favour.
 */
const FIRST_LORA_MS = 3200;
const FURTHER_LORA_MS = 4200;

/** What an instance is made of, and how many there are. */
export interface AsDiffusersOptions {
  readonly profile: DeviceProfile;
  readonly clock: SimulationClock;
  readonly instances: number;
  readonly steps: number;
}

/** See the head of this file. */
export class AsDiffusers implements ServingSystem {
  readonly name = 'as-diffusers';
  readonly device: string;
  readonly clock: SimulationClock;
  readonly #steps: number;
  readonly #processors: readonly Processor[];
  readonly #instances: Pool<Processor>;

  constructor({ profile, clock, instances, steps }: AsDiffusersOptions) {
    this.clock = clock;
    this.#steps = steps;
    this.#processors = Array.from({ length: instances }, () => new Processor(profile, clock));
    this.device = this.#processors[0]!.name;
    this.#instances = new Pool(this.#processors);
  }

  serve(picture: Picture): Promise<void> {
    return this.#instances.use((processor) => this.#draw(processor, picture));
  }

  usage(): Usage {
    const busyMs = this.#processors.reduce((sum, processor) => sum + processor.busyMs, 0);
    const none = { devices: 0, busyMs: 0 };
    return { base: { devices: this.#processors.length, busyMs }, controlnet: none, other: none };
  }

  async #draw(processor: Processor, { controlnets, loras }: Picture): Promise<void> {
    for (const _ of controlnets) await processor.loadControlNet();
    if (loras.length > 0) await this.#wait(FIRST_LORA_MS + (loras.length - 1) * FURTHER_LORA_MS);
    for (const _ of ['prompt', 'negative prompt']) await processor.run('clip.text', 1);
    for (let step = 0; step < this.#steps; step++) {
      for (const _ of controlnets) await processor.run('controlnet.step', BATCH);
      await processor.run('unet.down', BATCH);
      await processor.run('unet.up', BATCH);
    }
    await processor.run('vae.decode', 1);
  }

  #wait(ms: number): Promise<void> {
    return this.clock.until(this.clock.now() + ms);
  }
}
