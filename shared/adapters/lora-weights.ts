/** The weights of a network with a job's LoRAs in them: asks the lora actor for what it needs, keeps what was patched. */
import { LRUCache } from 'lru-cache';
import * as lora from '#shared/contracts/lora.ts';
import type { MeshCallOptions, MeshClient } from '#shared/placement/mesh-client.ts';
import type { WeightSet } from '#shared/session/device.ts';
import { InOrder } from '#shared/session/in-order.ts';
import { type Lease, PatchedSets } from '#shared/session/patched-sets.ts';
import { withSpan } from '#shared/telemetry/tracing.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';

/** The network to patch, and how much memory its patched sets may take. */
export interface LoraWeightsOptions {
  readonly mesh: MeshClient;
  readonly part: lora.LoraPart;
  readonly base: WeightSet;
  readonly maxBytes: number;
}

/** Weights in use; `key` is what heartbeats call the set, empty for the base. */
export interface LoraLease extends Lease {
  readonly key: string;
}

/** LoRA files whose effect on this network is remembered. */
const MAX_KNOWN = 4096;

/** See the head of this file. */
export class LoraWeights {
  readonly base: WeightSet;
  readonly #mesh: MeshClient;
  readonly #part: lora.LoraPart;
  readonly #sets: PatchedSets;
  readonly #maxBytes: number;
  /** By content: whether a LoRA patches this network. */
  readonly #patches = new LRUCache<string, boolean>({ max: MAX_KNOWN });
  /**
   * Sets are asked for in the order of the calls, however long a check takes. Else the next job could get the room that
   * the running one waits for, and wait for its turn with it.
   */
  readonly #lookups = new InOrder();

  constructor(options: LoraWeightsOptions) {
    this.base = options.base;
    this.#mesh = options.mesh;
    this.#part = options.part;
    this.#maxBytes = options.maxBytes;
    this.#sets = new PatchedSets(options.base, { maxBytes: options.maxBytes });
  }

  /** What is resident, for heartbeats. */
  get resident(): string[] {
    return this.#sets.keys;
  }

  /** The memory of the patched sets, and its budget, for heartbeats. */
  get memory(): { readonly resident_bytes: number; readonly budget_bytes: number } {
    return { resident_bytes: this.#sets.usedBytes, budget_bytes: this.#maxBytes };
  }

  /**
   * The weight set for these LoRAs, until it is released; without any it is the base. Sets go by the files' content, so a
   * file that was replaced under its name is patched anew.
   * @throws MeshError what `lora.inspect` and `lora.patch` throw; LORA_MISMATCH
   */
  async acquire(loras: readonly lora.PinnedLora[], options: MeshCallOptions): Promise<LoraLease> {
    const active = lora.lorasFor(this.#part, loras);
    const pinned =
      active.length === 0 ? [] : await this.#lookups.run((isNext) => this.#pinned(active, options, isNext));
    const used = pinned.filter(({ hash }) => this.#patches.get(hash));
    if (used.length === 0) return { weights: this.base, key: '', release: () => {} };
    const key = loraKey(pinned);
    return withSpan('lora.resident', { attributes: { 'latentmesh.lora.key': key } }, async (span) => {
      span.set({ 'latentmesh.lora.hit': this.#sets.has(key) });
      const factors = (signal: AbortSignal): Promise<TensorMap> => this.#factors(used, { ...options, signal });
      return { ...(await this.#sets.acquire(key, factors, options.signal)), key };
    });
  }

  async #pinned(
    loras: readonly lora.PinnedLora[],
    options: MeshCallOptions,
    isNext: Promise<unknown>,
  ): Promise<readonly Pinned[]> {
    const pinned = await this.#lookUp(loras, options);
    await isNext;
    return pinned;
  }

  /** The LoRAs with their content. Nobody is asked where it is given and known: a resident set then costs no message. */
  async #lookUp(loras: readonly lora.PinnedLora[], options: MeshCallOptions): Promise<Pinned[]> {
    const isKnown = (unit: lora.PinnedLora): unit is Pinned =>
      unit.hash !== undefined && this.#patches.get(unit.hash) !== undefined;
    if (loras.every(isKnown)) return [...loras];
    const { body } = await this.#mesh.call(lora.inspect, { loras: [...loras] }, {}, options);
    return loras.map((unit, i) => {
      const { hash, modules } = body.loras[i]!;
      this.#patches.set(hash, modules[this.#part] > 0);
      return { ...unit, hash };
    });
  }

  async #factors(loras: readonly Pinned[], options: MeshCallOptions): Promise<TensorMap> {
    const request = { part: this.#part, loras: [...loras] };
    const holds = loras.map(({ hash }) => hash);
    return (await this.#mesh.call(lora.patch, request, {}, { ...options, holds })).tensors;
  }
}

type Pinned = lora.PinnedLora & { readonly hash: string };

/** What a set of LoRAs of one network is called in heartbeats and caches: by content and weight, in their order. Empty without any. */
export function loraKey(loras: readonly { readonly hash: string; readonly weight: number }[]): string {
  return loras
    .filter((unit) => unit.weight !== 0)
    .map((unit) => `${unit.hash}@${unit.weight}`)
    .join('+');
}
