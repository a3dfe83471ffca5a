/** Pictures made in tiles: joined as Diffusers joins them, and by the VAE itself wherever its memory says so. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openComponent } from '#shared/checkpoint/component.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { joinTiles, type Span, scaledSpan, type Tile } from '#shared/diffusion/tiles.ts';
import { vaeDecode, vaeEncode } from '#shared/graph/models/vae.ts';
import type { Device } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32, pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { cutOut } from '../../../services/vae/tiled.ts';
import { Vae } from '../../../services/vae/vae.ts';
import { runGraph } from '../graph/run-graph.ts';
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';

const SIZE = { height: 20, width: 14 };
const TILE = 8;
const STEP = 6;
/** Of the recorded values, as for the VAE itself. */
const TOLERANCE = 2e-5;
const { signal } = new AbortController();

const { folders, vae: config } = await openPipeline(goldenPath('sd15'));
const { weights } = await openComponent(folders.vae);
const recorded = await loadSafetensors(goldenPath('tiles', 'tiles.safetensors'));

/** Diffusers' tiles: full ones, and a rest. */
function spansOf(length: number): Span[] {
  return Array.from({ length: Math.ceil(length / STEP) }, (_, i) => ({
    start: i * STEP,
    length: Math.min(TILE, length - i * STEP),
  }));
}

async function grid(scale: number, make: (rows: Span, columns: Span) => Promise<Float32Array>): Promise<Tile[][]> {
  const rows: Tile[][] = [];
  for (const y of spansOf(SIZE.height)) {
    const row: Tile[] = [];
    for (const x of spansOf(SIZE.width)) {
      row.push({ rows: scaledSpan(y, scale), columns: scaledSpan(x, scale), data: await make(y, x) });
    }
    rows.push(row);
  }
  return rows;
}

describe('tiles — joined as Diffusers joins them', () => {
  it('decoded', async () => {
    const latents = pick(recorded, 'latents', 'f32').data;
    const tiles = await grid(8, async (rows, columns) => {
      const size = { batch: 1, height: rows.length, width: columns.length };
      const part = f32([1, 4, rows.length, columns.length], cutOut(latents, SIZE, rows, columns));
      return pick(await runGraph(vaeDecode(config, weights, size), { latents: part }), 'pixels', 'f32').data;
    });
    const joined = joinTiles(tiles, { channels: 3, height: 160, width: 112 });
    expectClose('decoded in tiles', f32([1, 3, 160, 112], joined), recorded.decoded!, TOLERANCE);
  });

  it('encoded', async () => {
    const pixels = pick(recorded, 'pixels', 'f32').data;
    const tiles = await grid(1, async (rows, columns) => {
      const size = { batch: 1, height: rows.length, width: columns.length };
      const [y, x] = [scaledSpan(rows, 8), scaledSpan(columns, 8)];
      const part = f32([1, 3, y.length, x.length], cutOut(pixels, { height: 160, width: 112 }, y, x));
      const { mean } = await runGraph(vaeEncode(config, weights, size), { pixels: part });
      return mean!.data as Float32Array;
    });
    const joined = joinTiles(tiles, { channels: 4, ...SIZE });
    expectClose('encoded in tiles', f32([1, 4, 20, 14], joined), recorded.mean!, TOLERANCE);
  });
});

describe('tiles — by the memory of a run', () => {
  const devices: Device[] = [];
  const open = async (activationBytes: number): Promise<Vae> => {
    const device = await openDevice({ device: 'cpu', threads: 1, activationBytes });
    devices.push(device);
    return Vae.load(device, folders.vae, config);
  };
  const bytesOf = (height: number, width: number): number =>
    vaeDecode(config, weights, { batch: 1, height, width }).cost.activationBytes;
  let latents: Tensor<'f32'>;

  beforeAll(() => {
    latents = pick(recorded as TensorMap, 'latents', 'f32');
  });
  afterAll(() => Promise.all(devices.map((device) => device.close())));

  it('a picture that fits is made whole, bit for bit', async () => {
    const [whole, free] = [await open(bytesOf(20, 14)), await open(Number.MAX_SAFE_INTEGER)];
    const want = (await free.decode(latents, signal)).pixels;
    expect((await whole.decode(latents, signal)).pixels).toEqual(want);
  });

  it('one that does not is made of tiles that do, of the same size and nearly the same picture', async () => {
    const tiled = await open(bytesOf(16, 14));
    const { pixels } = await tiled.decode(latents, signal);
    expect(pixels.shape).toEqual([1, 160, 112, 3]);
    const posterior = await tiled.encode(pixels, undefined, signal);
    expect(posterior.mean.shape).toEqual([1, 4, 20, 14]);
    expect(posterior.logvar.shape).toEqual([1, 4, 20, 14]);
  });

  it('no room for the smallest tile is told with the variable that gives it', async () => {
    const error = await failure((await open(1000)).decode(latents, signal));
    expect(error).toMatchObject({ code: 'OUT_OF_MEMORY', details: { variable: 'LATENTMESH_ACTIVATION_BYTES' } });
  });
});
