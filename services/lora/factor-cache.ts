/** Factors of the LoRAs used last, so that a file is read from disk once, however many networks and jobs want it. */
import { LRUCache } from 'lru-cache';
import { factorBytes, type LoraFactors } from '#shared/checkpoint/lora-factors.ts';

/** See the head of this file. What is read at once by several is read once. */
export class FactorCache {
  readonly #factors: LRUCache<string, LoraFactors>;
  readonly #reading = new Map<string, Promise<LoraFactors>>();

  /** maxBytes   0 remembers nothing; larger than that alone is read each time */
  constructor(maxBytes: number) {
    this.#factors = new LRUCache({
      maxSize: Math.max(maxBytes, 1),
      sizeCalculation: (factors) => Math.max(factorBytes(factors), 1),
    });
  }

  /** Bytes of what is remembered. */
  get bytes(): number {
    return this.#factors.calculatedSize;
  }

  /** Keys of what is remembered. */
  get keys(): string[] {
    return [...this.#factors.keys()];
  }

  /** The factors of a key; read when they are not there. */
  get(key: string, read: () => Promise<LoraFactors>): Promise<LoraFactors> {
    const known = this.#factors.get(key);
    if (known) return Promise.resolve(known);
    const running = this.#reading.get(key);
    if (running !== undefined) return running;
    const reading = read()
      .then((factors) => {
        this.#factors.set(key, factors);
        return factors;
      })
      .finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }
}
