/**
 * One instance of Katz: two base devices, one for each half of guidance, and as many again for each ControlNet of a request. All
 * of them are its own and work for one picture at a time.
 */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { SimulationClock } from '#shared/session/simulated/clock.ts';
import { patchMsOf } from '#shared/session/simulated/service-time.ts';
import type { Picture } from '../workload/published-traffic.ts';
import { LoraReader } from './lora-reader.ts';
import { Processor } from './processor.ts';

/** Each half of guidance has its devices. */
const HALVES = [0, 1] as const;
/** Prose of the paper: the five to eight most popular ControlNets stay resident. */
const RESIDENT_CONTROLNETS = 8;
/**
 * After a picture with LoRAs the whole UNet is reloaded, ms: logs of the artifact finish one every 2.35 to 2.63 s while they
 * report 1.84 to 2.03 s, a gap of some 0.5 s more than without LoRAs.
 */
const UNPATCH_MS = 500;

/** What an instance is made of. */
export interface KatzOptions {
  readonly profile: DeviceProfile;
  readonly clock: SimulationClock;
  readonly steps: number;
  /** ControlNets that a request may have. */
  readonly controlnetSlots: number;
  /** The step, from 0, that waits for LoRAs which are not there yet. */
  readonly bound: number;
}

/** See the head of this file. */
export class KatzInstance {
  readonly #options: KatzOptions;
  readonly #base: readonly Processor[];
  /** By slot, then by half. */
  readonly #controlnets: readonly (readonly Processor[])[];
  /** By slot, the one used longest ago first. */
  readonly #resident: string[][];
  readonly #reader: LoraReader;
  /** When the weights are as they were, ms. */
  #cleanMs = 0;

  constructor(options: KatzOptions) {
    const { profile, clock, controlnetSlots } = options;
    const pair = (): Processor[] => HALVES.map(() => new Processor(profile, clock));
    this.#options = options;
    this.#base = pair();
    this.#controlnets = Array.from({ length: controlnetSlots }, pair);
    this.#resident = this.#controlnets.map(() => []);
    this.#reader = new LoraReader(profile, clock);
  }

  get base(): readonly Processor[] {
    return this.#base;
  }

  get controlnets(): readonly Processor[] {
    return this.#controlnets.flat();
  }

  /** Waits until the last picture's LoRAs are out of the weights, then draws. */
  async draw(picture: Picture): Promise<void> {
    const { clock, steps } = this.#options;
    await clock.until(this.#cleanMs);
    const loras = new PatchInMidway(this.#reader.read(picture.loras), this.#options, picture.loras.length);
    await this.#loadControlNets(picture.controlnets);
    for (const _ of ['prompt', 'negative prompt']) await this.#base[0]!.run('clip.text', 1);
    for (let step = 0; step < steps; step++) {
      await loras.beforeStep(step);
      await Promise.all(HALVES.map((half) => this.#step(half, picture.controlnets.length)));
    }
    await this.#base[0]!.run('vae.decode', 1);
    if (picture.loras.length > 0) this.#cleanMs = clock.now() + UNPATCH_MS;
  }

  /** One half of guidance: first half of the UNet beside the ControlNets, their residuals one after the other, second half. */
  async #step(half: number, controlnets: number): Promise<void> {
    const { profile, clock } = this.#options;
    const base = this.#base[half]!;
    const acting = this.#controlnets.slice(0, controlnets).map((slot) => slot[half]!);
    await Promise.all([base.run('unet.down', 1), ...acting.map((one) => one.run('controlnet.step', 1))]);
    const { sends_bytes } = profile.networks['controlnet.step']!;
    await clock.until(clock.now() + (controlnets * sends_bytes * 1000) / profile.link.bytes_per_second);
    await base.run('unet.up', 1);
  }

  async #loadControlNets(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name, slot) => this.#load(name, slot)));
  }

  async #load(name: string, slot: number): Promise<void> {
    const resident = this.#resident[slot]!;
    const place = resident.indexOf(name);
    const isFirst = resident.length === 0; // there from the start
    if (place >= 0) resident.splice(place, 1);
    else if (!isFirst) await Promise.all(this.#controlnets[slot]!.map((one) => one.loadControlNet()));
    resident.push(name);
    if (resident.length > RESIDENT_CONTROLNETS) resident.shift();
  }
}

/** LoRAs that are read while the first steps run, and patched in between two steps, which stops both base devices. */
class PatchInMidway {
  readonly #reading: Promise<void>;
  readonly #options: KatzOptions;
  readonly #count: number;
  #isRead = false;
  #isPatched: boolean;

  constructor(reading: Promise<void>, options: KatzOptions, count: number) {
    this.#options = options;
    this.#count = count;
    this.#isPatched = count === 0;
    this.#reading = reading.then(() => {
      this.#isRead = true;
    });
  }

  /** Polls as the artifact does: patches what is read, and waits for it from the bound on. */
  async beforeStep(step: number): Promise<void> {
    const { bound, profile, clock } = this.#options;
    if (this.#isPatched || (!this.#isRead && step < bound)) return;
    await this.#reading;
    await clock.until(clock.now() + patchMsOf(profile.lora, this.#count));
    this.#isPatched = true;
  }
}
