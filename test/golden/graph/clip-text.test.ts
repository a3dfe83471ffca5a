import { describe, expect, it } from 'vitest';
import { parseClipTextConfig } from '#shared/checkpoint/clip-text-config.ts';
import { clipText } from '#shared/graph/models/clip-text.ts';
import { elementCount, type Tensor } from '#shared/tensor/tensor.ts';
import { expectClose } from '../reference.ts';
import { first, openRecorded } from './recorded-network.ts';
import { runGraph } from './run-graph.ts';

const ENCODERS = [
  { model: 'sd15', part: 'text_encoder' },
  { model: 'sd2', part: 'text_encoder' },
  { model: 'sdxl', part: 'text_encoder' },
  { model: 'sdxl', part: 'text_encoder_2' },
] as const;

describe.each(ENCODERS)('$part of $model — as recorded', async ({ model, part }) => {
  const { config, weights, recorded, tolerance } = await openRecorded(model, [part, part], parseClipTextConfig);
  const ids = recorded.input_ids as Tensor<'i32'>;
  const isProjected = config.projectionDim !== undefined;
  const [pooledName, pooledKind] = isProjected ? ['text_embeds', 'text'] : ['pooler_output', 'pooler'];

  it('last hidden state and pooled embedding of four prompts', async () => {
    const got = await runGraph(clipText(config, weights, { batch: 4 }, { hasPooled: true }), { input_ids: ids });
    expectClose('last_hidden_state', got.last_hidden_state!, recorded.last_hidden_state!, tolerance('last'));
    expectClose('pooled', got.pooled!, recorded[pooledName!]!, tolerance(pooledKind!));
  });

  it('as SDXL reads it: what goes into the last layer, without the norm, and the pooled embedding of all layers', async () => {
    const variant = { layers: config.layers - 1, isNormed: false, hasPooled: true };
    const got = await runGraph(clipText(config, weights, { batch: 2 }, variant), { input_ids: firstIds(2, ids) });
    const name = `hidden_state_${config.layers - 1}`;
    expectClose(name, got.last_hidden_state!, recorded[name]!, tolerance('hidden'));
    expectClose('pooled', got.pooled!, first(2, recorded[pooledName!]!), tolerance(pooledKind!));
  });

  it('hidden states behind every layer', async () => {
    const taps = Array.from({ length: config.layers + 1 }, (_, layer) => `hidden_state_${layer}`);
    const got = await runGraph(clipText(config, weights, { batch: 2 }, { taps }), { input_ids: firstIds(2, ids) });
    for (const tap of taps) expectClose(tap, got[tap]!, recorded[tap]!, tolerance('hidden'));
  });

  it.each([1, 2])('clip skip %d', async (skip) => {
    const graph = clipText(config, weights, { batch: 2 }, { layers: config.layers - skip });
    const got = await runGraph(graph, { input_ids: firstIds(2, ids) });
    expectClose(`clip_skip_${skip}`, got.last_hidden_state!, recorded[`clip_skip_${skip}`]!, tolerance('clip'));
  });

  it('pools at the end token where the config names it', async () => {
    const [batch, tokens] = ids.shape as [number, number];
    const endToken = Math.max(...ids.data);
    const named = clipText({ ...config, eosTokenId: endToken }, weights, { batch }, { hasPooled: true });
    const got = await runGraph(named, { input_ids: ids });
    expectClose('pooled', got.pooled!, recorded[pooledName!]!, tolerance(pooledKind!));
    expect(tokens).toBe(config.maxPositions);
  });

  it('reads a prompt that is cut shorter as it reads the beginning of a long one', async () => {
    const tokens = 8;
    const short = { dtype: 'i32', shape: [1, tokens], data: ids.data.slice(0, tokens) } as const;
    const got = await runGraph(clipText(config, weights, { batch: 1, tokens }), { input_ids: short });
    const whole = recorded.last_hidden_state!;
    const beginning = (whole.data as Float32Array).slice(0, tokens * whole.shape[2]!);
    const want = { dtype: 'f32', shape: [1, tokens, whole.shape[2]!], data: beginning } as const;
    expectClose('last_hidden_state', got.last_hidden_state!, want, tolerance('last'));
  });

  it('takes every weight of the file', () => {
    clipText(config, weights, { batch: 1 }, { hasPooled: isProjected });
    weights.assertAllUsed();
  });
});

function firstIds(count: number, { shape, data }: Tensor<'i32'>): Tensor<'i32'> {
  const rest = shape.slice(1);
  return { dtype: 'i32', shape: [count, ...rest], data: data.slice(0, count * elementCount(rest)) };
}
