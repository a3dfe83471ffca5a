import { describe, expect, it } from 'vitest';
import { parseVaeConfig } from '#shared/checkpoint/vae-config.ts';
import { FED } from '#shared/graph/builder.ts';
import { vaeDecode, vaeEncode, vaeFactor } from '#shared/graph/models/vae.ts';
import { expectClose } from '../reference.ts';
import { openRecorded } from './recorded-network.ts';
import { runGraph } from './run-graph.ts';

const SIZES = { sd15: ['8x8', '16x8'], sd2: ['8x8'], sdxl: ['8x8'] } as const;

describe.each(['sd15', 'sd2', 'sdxl'] as const)('VAE of %s — as recorded', async (model) => {
  const { config, weights, recorded, tolerance } = await openRecorded(model, ['vae', 'vae'], parseVaeConfig);

  it.each(SIZES[model])('decoded latents of %s', async (sizeName) => {
    const latents = recorded[`latents_${sizeName}`]!;
    const [batch, , height, width] = latents.shape as [number, number, number, number];
    const got = await runGraph(vaeDecode(config, weights, { batch, height, width }), { latents });
    expectClose(`decoded_${sizeName}`, got.pixels!, recorded[`decoded_${sizeName}`]!, tolerance('decoded'));
  });

  it.each(SIZES[model])('posterior of a picture of %s latents', async (sizeName) => {
    const [height, width] = sizeName.split('x').map(Number) as [number, number];
    const factor = vaeFactor(config);
    const pixels = recorded[`image_${height * factor}x${width * factor}`]!;
    const got = await runGraph(vaeEncode(config, weights, { batch: 1, height, width }), { pixels });
    expectClose('mean', got.mean!, recorded[`mean_${sizeName}`]!, tolerance('mean'));
    expectClose('logvar', got.logvar!, recorded[`logvar_${sizeName}`]!, tolerance('logvar'));
  });

  it('gives the same with its weights fed', async () => {
    const size = { batch: 1, height: 8, width: 8 };
    const decode = vaeDecode(config, weights, size, { weightMode: FED });
    const got = await runGraph(decode, { latents: recorded.latents_8x8! });
    expect(decode.fedWeights.length).toBeGreaterThan(0);
    expectClose('decoded_8x8', got.pixels!, recorded.decoded_8x8!, tolerance('decoded'));
  });

  it('takes every weight of the file', () => {
    const size = { batch: 1, height: 8, width: 8 };
    vaeDecode(config, weights, size);
    vaeEncode(config, weights, size);
    weights.assertAllUsed();
  });
});
