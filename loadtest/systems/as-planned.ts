/**
 * What latentmesh sets out to do, without a mesh: the same order of work on the same devices, but no messages, no processes and no
 * time of its own. In virtual time, so it says at once what a number of devices could do at best, and beside it how much of that the
 * real mesh loses.
 */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { SimulationClock } from '#shared/session/simulated/clock.ts';
import { patchMsOf } from '#shared/session/simulated/service-time.ts';
import type { Picture } from '../workload/published-traffic.ts';
import { LoraReader } from './lora-reader.ts';
import { Pool } from './pool.ts';
import { Processor } from './processor.ts';
import type { DeviceKind, ServingSystem, Usage } from './system.ts';

/** Both halves of guidance in one run. */
const BATCH = 2;

/** How many devices there are, and when LoRAs enter. */
export interface AsPlannedOptions {
  readonly profile: DeviceProfile;
  readonly clock: SimulationClock;
  readonly steps: number;
  readonly denoisers: number;
  readonly controlnets: number;
  /** Jobs that a denoiser has in hand at once: while one waits for its ControlNets the other's UNet runs. */
  readonly jobsPerDenoiser: number;
  /** The step, from 0, at which LoRAs enter that are not there yet. */
  readonly bound: number;
}

/** A ControlNet device and the sessions that are open on it. */
interface ControlNetDevice {
  readonly processor: Processor;
  sessions: number;
}

/** See the head of this file. ControlNets are resident everywhere. */
export class AsPlanned implements ServingSystem {
  readonly name: string;
  readonly device: string;
  readonly clock: SimulationClock;
  readonly #options: AsPlannedOptions;
  readonly #denoisers: readonly Processor[];
  readonly #places: Pool<Processor>;
  readonly #controlnets: readonly ControlNetDevice[];
  readonly #textEncoder: Processor;
  readonly #vae: Processor;
  readonly #reader: LoraReader;

  constructor(options: AsPlannedOptions) {
    const { profile, clock, denoisers, controlnets, jobsPerDenoiser } = options;
    const processor = (): Processor => new Processor(profile, clock);
    this.name = jobsPerDenoiser === 1 ? 'as-planned' : `as-planned, ${jobsPerDenoiser} jobs a denoiser`;
    this.clock = clock;
    this.#options = options;
    this.#denoisers = Array.from({ length: denoisers }, processor);
    this.#places = new Pool(Array.from({ length: jobsPerDenoiser }, () => this.#denoisers).flat());
    this.#controlnets = Array.from({ length: controlnets }, () => ({ processor: processor(), sessions: 0 }));
    this.#textEncoder = processor();
    this.#vae = processor();
    this.#reader = new LoraReader(profile, clock);
    this.device = this.#vae.name;
  }

  /** LoRAs are read from the first moment on, the weights patched beside the steps. */
  async serve(picture: Picture): Promise<void> {
    const { profile, clock } = this.#options;
    const patched = this.#reader.read(picture.loras);
    for (const _ of ['prompt', 'negative prompt']) await this.#textEncoder.run('clip.text', 1);
    await this.#places.use(async (denoiser) => {
      const ready = patched.then(() => clock.until(clock.now() + patchMsOf(profile.lora, picture.loras.length)));
      await this.#denoise(denoiser, picture, ready);
    });
    await this.#vae.run('vae.decode', 1);
  }

  usage(): Usage {
    const of = (processors: readonly Processor[]): Usage[DeviceKind] => {
      return { devices: processors.length, busyMs: processors.reduce((sum, one) => sum + one.busyMs, 0) };
    };
    return {
      base: of(this.#denoisers),
      controlnet: of(this.#controlnets.map(({ processor }) => processor)),
      other: of([this.#textEncoder, this.#vae]),
    };
  }

  async #denoise(denoiser: Processor, { controlnets, loras }: Picture, ready: Promise<void>): Promise<void> {
    const { steps, bound } = this.#options;
    const sessions = controlnets.map(() => this.#open());
    for (let step = 0; step < steps; step++) {
      if (step === bound && loras.length > 0) await ready;
      await Promise.all([denoiser.run('unet.down', BATCH), ...sessions.map((one) => this.#control(one))]);
      await denoiser.run('unet.up', BATCH);
    }
    for (const session of sessions) session.sessions--;
  }

  /** Where the fewest sessions are open. */
  #open(): ControlNetDevice {
    const chosen = this.#controlnets.reduce((best, one) => (one.sessions < best.sessions ? one : best));
    chosen.sessions++;
    return chosen;
  }

  /** One step, and its residuals' way. */
  async #control({ processor }: ControlNetDevice): Promise<void> {
    const { profile, clock } = this.#options;
    await processor.run('controlnet.step', BATCH);
    const { sends_bytes } = profile.networks['controlnet.step']!;
    await clock.until(clock.now() + (BATCH * sends_bytes * 1000) / profile.link.bytes_per_second);
  }
}
