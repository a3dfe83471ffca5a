/** The weights of a network with a job's LoRAs in them: asks the lora actor for what it needs, keeps what was patched. */
import type { LoraUnit } from '#shared/contracts/generate.ts';
import * as lora from '#shared/contracts/lora.ts';
import type { MeshCallOptions, MeshClient } from '#shared/placement/mesh-client.ts';
import type { WeightSet } from '#shared/session/device.ts';
import { PatchedSets } from '#shared/session/patched-sets.ts';
import { withSpan } from '#shared/telemetry/tracing.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';

/** The network to patch, and how much memory its patched sets may take. */
export interface LoraWeightsOptions {
  readonly mesh: MeshClient;
  readonly part: lora.LoraPart;
  readonly base: WeightSet;
  readonly maxBytes: number;
}

/** See the head of this file. */
export class LoraWeights {
  readonly #mesh: MeshClient;
  readonly #part: lora.LoraPart;
  readonly #sets: PatchedSets;

  constructor(options: LoraWeightsOptions) {
    this.#mesh = options.mesh;
    this.#part = options.part;
    this.#sets = new PatchedSets(options.base, { maxBytes: options.maxBytes });
  }

  /** What is resident, for heartbeats. */
  get resident(): string[] {
    return this.#sets.keys;
  }

  /**
   * The weight set for these LoRAs; without any it is the base. Keyed by the files' content, so a file that was replaced
   * under its name is patched anew.
   * @throws MeshError what `lora.inspect` and `lora.patch` throw; LORA_MISMATCH
   */
  async get(loras: readonly LoraUnit[], options: MeshCallOptions): Promise<{ weights: WeightSet; key: string }> {
    const active = loras.filter((unit) => unit.weight !== 0);
    if (active.length === 0) return { weights: this.#sets.base, key: '' };
    const { body } = await this.#mesh.call(lora.inspect, { loras: active }, {}, options);
    const used = active.filter((_, i) => body.loras[i]!.modules[this.#part] > 0);
    if (used.length === 0) return { weights: this.#sets.base, key: '' };
    const key = loraKey(active.map((unit, i) => ({ weight: unit.weight, hash: body.loras[i]!.hash })));
    const weights = await withSpan('lora.resident', { attributes: { 'latentmesh.lora.key': key } }, (span) => {
      span.set({ 'latentmesh.lora.hit': this.#sets.keys.includes(key) });
      return this.#sets.get(key, () => this.#factors(used, options));
    });
    return { weights, key };
  }

  async #factors(loras: readonly LoraUnit[], options: MeshCallOptions): Promise<TensorMap> {
    const { tensors } = await this.#mesh.call(lora.patch, { part: this.#part, loras: [...loras] }, {}, options);
    return tensors;
  }
}

/** What a set of LoRAs is called in heartbeats and caches: by content and weight, in their order. Empty without any. */
export function loraKey(loras: readonly { readonly hash: string; readonly weight: number }[]): string {
  return loras
    .filter((unit) => unit.weight !== 0)
    .map((unit) => `${unit.hash}@${unit.weight}`)
    .join('+');
}
