import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { Device, RunResult, WeightSet } from '#shared/session/device.ts';
import { Network } from '#shared/session/network.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { linear } from './graphs.ts';
import { WeightFile } from './weight-file.ts';

/** The device itself, with a note of every session that is released. */
function noting(device: Device, released: string[]): Device {
  return {
    name: device.name,
    loraStrategy: 'fed',
    loadWeights: (source, list) => device.loadWeights(source, list),
    put: (slot, value) => device.put(slot, value),
    drop: (slots) => device.drop(slots),
    close: () => device.close(),
    open: async (model) => {
      const session = await device.open(model);
      const release = (): Promise<void> => {
        released.push(`${model.inputs[0]!.shape[0]}`);
        return session.release();
      };
      return { model, run: (request, signal) => session.run(request, signal), release };
    },
  };
}

describe('network — a session for each shape', () => {
  const file = new WeightFile({ w: { dtype: 'f32', shape: [1, 2], data: Float32Array.of(1, 2) } });
  let device: Device;
  let weights: WeightSet;
  let built: number[];

  beforeAll(async () => {
    device = await openDevice({ device: 'cpu', threads: 1 });
    weights = await device.loadWeights(file, file.weights);
  });
  afterAll(async () => {
    await device.close();
    file.remove();
  });
  beforeEach(() => {
    built = [];
  });

  const build = (samples: number): GraphModel => {
    built.push(samples);
    return linear(file, 'w', { samples });
  };
  const network = (maxShapes: number): Network<number> => new Network({ device, build, key: String, maxShapes });
  const run = (on: Network<number>, samples: number): Promise<RunResult> =>
    on.run(samples, {
      feeds: { x: f32([samples, 2], new Float32Array(samples * 2).fill(1)) },
      weights,
      outputs: ['y'],
    });

  it('opens each shape once, also for runs that come at once', async () => {
    const net = network(2);
    const results = await Promise.all([run(net, 1), run(net, 3), run(net, 3), run(net, 1)]);
    expect(results.map(({ outputs }) => Array.from(outputs.y!.data as Float32Array))).toEqual([
      [3],
      [3, 3, 3],
      [3, 3, 3],
      [3],
    ]);
    expect(built).toEqual([1, 3]);
    await net.release();
  });

  it('has a shape open that it was warmed up for', async () => {
    const net = network(1);
    await net.warmUp(2, weights);
    expect((await run(net, 2)).outputs.y!.shape).toEqual([2, 1]);
    expect(built).toEqual([2]);
    await net.release();
  });

  it('gives up the shape that was used longest ago', async () => {
    const net = network(2);
    for (const samples of [1, 2, 1, 3, 1, 2]) await run(net, samples);
    expect(built).toEqual([1, 2, 3, 2]);
    await net.release();
  });

  it('releases what it gives up, and the rest with itself', async () => {
    const released: string[] = [];
    const net = new Network({ device: noting(device, released), build, key: String, maxShapes: 2 });
    for (const samples of [1, 2, 3]) await run(net, samples);
    expect(released).toEqual(['1']);
    await net.release();
    expect(released.toSorted()).toEqual(['1', '2', '3']);
  });

  it('ends the runs of a shape before its session goes', async () => {
    const net = network(1);
    const results = await Promise.all([1, 2, 3, 1, 2, 3].map((samples) => run(net, samples)));
    expect(results.map(({ outputs }) => outputs.y!.shape[0])).toEqual([1, 2, 3, 1, 2, 3]);
    await net.release();
  });

  it('tries again after a shape could not be opened', async () => {
    let isBroken = true;
    const breaking = (samples: number): GraphModel => ({
      ...build(samples),
      ...(isBroken && { bytes: new Uint8Array(3) }),
    });
    const net = new Network({ device, build: breaking, key: String, maxShapes: 1 });
    await expect(run(net, 1)).rejects.toMatchObject({ code: 'INTERNAL' });
    isBroken = false;
    expect((await run(net, 1)).outputs.y!.shape).toEqual([1, 1]);
    await net.release();
  });

  it('may be used again after its release', async () => {
    const net = network(1);
    await run(net, 1);
    await net.release();
    await run(net, 1);
    expect(built).toEqual([1, 1]);
    await net.release();
  });
});
