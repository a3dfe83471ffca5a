import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LoraLease, LoraWeights, loraKey } from '#shared/adapters/lora-weights.ts';
import * as lora from '#shared/contracts/lora.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { served } from '#shared/service/serve.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { WeightFile } from '#test/contract/session/weight-file.ts';
import { smallMesh } from '#test/unit/placement/small-mesh.ts';

let device: Device;
let file: WeightFile;
let base: WeightSet;
/** Hash of each LoRA's file; `text-only` patches the text encoder alone. */
let hashes: Record<string, string>;
/** LoRAs of every request for factors. */
let patched: lora.PinnedLora[][];
/** How often LoRAs were looked up. */
let inspected: number;
/** A lookup ends only after this. */
let held: Promise<void>;

beforeAll(async () => {
  device = await openDevice({ device: 'cpu', threads: 1 });
  file = new WeightFile({ plain: { dtype: 'f32', shape: [1, 2], data: Float32Array.of(1, 2) } });
  base = await device.loadWeights(file, file.weights, { isPatchable: true });
  return async () => {
    await device.close();
    file.remove();
  };
});

beforeEach(() => {
  hashes = { ink: 'aaaaaaaaaa', oil: 'bbbbbbbbbb', 'text-only': 'cccccccccc' };
  patched = [];
  inspected = 0;
  held = Promise.resolve();
});

/** The UNet's weights, with a lora actor in the mesh that knows `hashes`. */
function newWeights(): LoraWeights {
  const mesh = smallMesh();
  const inspect = served(lora.inspect, async ({ body }) =>
    held.then(() => ({
      body: {
        loras: body.loras.map(({ lora: name }) => {
          inspected++;
          const hash = hashes[name];
          if (!hash) throw new MeshError('UNKNOWN_LORA', `There is no ${name}.`);
          return {
            lora: name,
            hash,
            bytes: 1,
            modules: { unet: name === 'text-only' ? 0 : 1, text_encoder: 1, text_encoder_2: 0 },
          };
        }),
      },
    })),
  );
  const patch = served(lora.patch, async ({ body }) => {
    patched.push(body.loras);
    const up = f32([1, 1], Float32Array.of(body.loras.reduce((sum, { weight }) => sum + weight, 0)));
    return { body: { weights: 1 }, tensors: { 'plain.up': up, 'plain.down': f32([1, 2], Float32Array.of(1, 0)) } };
  });
  mesh.start('lora-1', [inspect, patch], { role: 'lora' });
  return new LoraWeights({ mesh: mesh.client, part: 'unet', base, maxBytes: 1000 });
}

function get(weights: LoraWeights, ...loras: lora.PinnedLora[]): Promise<LoraLease> {
  return weights.acquire(loras, { deadlineUnixMs: Date.now() + 10_000, signal: new AbortController().signal });
}

describe('LoRA weights — of a network', () => {
  it('without LoRAs, with weights of 0, or with LoRAs for another network: the base, nobody patches', async () => {
    const weights = newWeights();
    for (const loras of [[], [{ lora: 'ink', weight: 0 }], [{ lora: 'text-only', weight: 1 }]]) {
      expect(await get(weights, ...loras)).toMatchObject({ weights: base, key: '' });
    }
    expect(patched).toEqual([]);
  });

  it('are made in the order in which they were asked for, however long a lookup takes', async () => {
    const weights = newWeights();
    (await get(weights, { lora: 'oil', weight: 1, hash: 'bbbbbbbbbb' })).release();
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    const first = get(weights, { lora: 'ink', weight: 1 });
    const second = get(weights, { lora: 'oil', weight: 2, hash: 'bbbbbbbbbb' }); // known: nobody is asked
    resolve();
    await Promise.all([first, second]);
    expect(patched.slice(1).map(([unit]) => unit!.lora)).toEqual(['ink', 'oil']);
  });

  it('are patched once, and told as resident by the files’ content and weight', async () => {
    const weights = newWeights();
    const units = [
      { lora: 'ink', weight: 0.5 },
      { lora: 'oil', weight: -1 },
    ];
    const first = await get(weights, ...units);
    const again = await get(weights, ...units);
    expect(again.weights).toBe(first.weights);
    expect(first.weights).not.toBe(base);
    expect(first.key).toBe('aaaaaaaaaa@0.5+bbbbbbbbbb@-1');
    expect(weights.resident).toEqual([first.key]);
    const hashed = [
      { ...units[0], hash: 'aaaaaaaaaa' },
      { ...units[1], hash: 'bbbbbbbbbb' },
    ];
    expect(patched).toEqual([hashed]);
  });

  it('ask only for what this network needs', async () => {
    await get(newWeights(), { lora: 'text-only', weight: 1 }, { lora: 'ink', weight: 1 }, { lora: 'oil', weight: 0 });
    expect(patched).toEqual([[{ lora: 'ink', weight: 1, hash: 'aaaaaaaaaa' }]]);
  });

  it('have the weight of this network’s part where a LoRA has one', async () => {
    const unit = { lora: 'ink', weight: 1, unet_weight: 0.25, te_weight: 0.75 };
    expect((await get(newWeights(), unit)).key).toBe('aaaaaaaaaa@0.25');
    expect(patched).toEqual([[{ lora: 'ink', weight: 0.25, hash: 'aaaaaaaaaa' }]]);
    expect(await get(newWeights(), { ...unit, unet_weight: 0 })).toMatchObject({ weights: base, key: '' });
  });

  it('are others for another weight, and for a file that was replaced under its name', async () => {
    const weights = newWeights();
    const keys: string[] = [];
    for (const weight of [1, 0.5]) keys.push((await get(weights, { lora: 'ink', weight })).key);
    hashes.ink = 'dddddddddd';
    keys.push((await get(weights, { lora: 'ink', weight: 1 })).key);
    expect(new Set(keys).size).toBe(3);
    expect(patched).toHaveLength(3);
  });

  it('cost no message where they are pinned and resident', async () => {
    const weights = newWeights();
    const pinned = { lora: 'ink', weight: 1, hash: 'aaaaaaaaaa' };
    const first = await get(weights, pinned);
    const asked = inspected;
    hashes = {};
    expect((await get(weights, pinned)).weights).toBe(first.weights);
    expect([inspected, patched.length]).toEqual([asked, 1]);
  });

  it('that are not there fail by the lora actor’s own error', async () => {
    expect((await failure(get(newWeights(), { lora: 'gone', weight: 1 }))).code).toBe('UNKNOWN_LORA');
  });
});

describe('LoRA key — the name of a set', () => {
  it('is that of the gateway and that of the actors', () => {
    const set = [
      { hash: 'a', weight: 1 },
      { hash: 'b', weight: 0 },
      { hash: 'c', weight: 0.25 },
    ];
    expect(loraKey(set)).toBe('a@1+c@0.25');
    expect(loraKey([])).toBe('');
  });
});
