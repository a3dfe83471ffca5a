/**
 * One place of a mesh and the process that fills it; two of them for a moment when it is replaced.
 *
 * Invariants
 *  P1  a newcomer is ready before the former is told to end; a gateway's starts when its former lets go of the address
 *  P2  a newcomer that cannot start leaves the former in its place; a gateway's is started once more, then the mesh fails
 *  P3  after `end` nothing is started
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { ServiceProcess } from './service-process.ts';

/** What a place is made of. */
export interface PlaceOptions {
  readonly name: string;
  /** The process of a generation, 0 the first: each has a slot of its own, since a newcomer in the same slot says that the former is dead. */
  readonly make: (generation: number, onGivenUp: (error: MeshError) => void) => ServiceProcess;
  /** Two of them cannot listen at one address. */
  readonly hasAddress: boolean;
  /** The process that fills the place cannot be kept running. */
  readonly fail: (error: MeshError) => void;
}

/** See the head of this file. */
export class Place {
  readonly #options: PlaceOptions;
  #process: ServiceProcess;
  #newcomer: ServiceProcess | undefined;
  #generation = 0;
  #isEnding = false;

  constructor(options: PlaceOptions) {
    this.#options = options;
    this.#process = options.make(0, options.fail);
  }

  get name(): string {
    return this.#options.name;
  }

  /** The process that fills the place. */
  get process(): ServiceProcess {
    return this.#process;
  }

  /** Fills the place with a newcomer and ends the former, which has so long for what it has. @throws MeshError when the newcomer cannot start */
  async replace(killAfterMs: number): Promise<void> {
    const former = this.#process;
    if (this.#options.hasAddress) await this.#takeOver(former.end(killAfterMs));
    else await this.#fill();
    await former.end(killAfterMs);
  }

  /** Ends whatever runs here. */
  async end(killAfterMs: number): Promise<void> {
    this.#isEnding = true;
    await Promise.all([this.#process.end(killAfterMs), this.#newcomer?.end(killAfterMs)]);
  }

  kill(): void {
    this.#isEnding = true;
    this.#process.kill();
    this.#newcomer?.kill();
  }

  /** The former has let go of its address long before it is gone, mostly. */
  async #takeOver(gone: Promise<void>): Promise<void> {
    try {
      await this.#fill();
    } catch {
      await gone;
      await this.#fill().catch((error: unknown) => this.#options.fail(MeshError.from(error)));
    }
  }

  async #fill(): Promise<void> {
    if (this.#isEnding) throw new MeshError('DRAINING', 'The mesh ends.');
    const { promise: failed, reject } = Promise.withResolvers<never>();
    const newcomer = this.#options.make(++this.#generation, (error) =>
      newcomer.isReady ? this.#options.fail(error) : reject(error),
    );
    this.#newcomer = newcomer;
    newcomer.start();
    try {
      await Promise.race([newcomer.ready, failed]);
      this.#process = newcomer;
    } finally {
      this.#newcomer = undefined;
    }
  }
}
