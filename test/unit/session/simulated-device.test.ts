import { beforeEach, describe, expect, it } from 'vitest';
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import { readProfile } from '#shared/config/simulation.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { Session, WeightSet } from '#shared/session/device.ts';
import { firstReadMs, msOfBatch } from '#shared/session/simulated/service-time.ts';
import { SimulatedDevice } from '#shared/session/simulated/simulated-device.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import type { Weight } from '#shared/tensor/weight.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { VirtualClock } from '../../../loadtest/virtual-clock.ts';

const PROFILE: DeviceProfile = {
  ...readProfile('simulated:h800-sdxl'),
  name: 'test',
  networks: {
    'unet.up': { ms: { '1': 10, '2': 16 }, sends_bytes: 0, source: 'made up for tests' },
    'controlnet.step': { ms: { '1': 10 }, sends_bytes: 1000, source: 'made up for tests' },
  },
  link: { bytes_per_second: 200_000, source: 'made up for tests' },
};

const weight = (name: string): Weight => {
  return { name, shape: [2, 2], dtype: 'f16', location: { file: 'none', offset: 0, length: 8 } };
};
const SOURCE = { folder: '/', get: weight, has: () => true };

function graph(name: string, batch = 1): GraphModel {
  return {
    name,
    bytes: new Uint8Array(),
    folder: '/',
    inputs: [{ name: 'x', dtype: 'f32', shape: [batch] }],
    outputs: [{ name: 'y', dtype: 'f32', shape: [batch, 3] }],
    fedWeights: [{ input: 'w', weight: weight('w'), shape: [2, 2] }],
    cost: { flops: 0, activationBytes: 0 },
  };
}

let clock: VirtualClock;
let device: SimulatedDevice;
let weights: WeightSet;

beforeEach(async () => {
  clock = new VirtualClock();
  device = new SimulatedDevice(PROFILE, clock);
  weights = await device.loadWeights(SOURCE, [weight('w')]);
});

const open = (name: string, batch = 1): Promise<Session> => device.open(graph(name, batch));
const run = (session: Session, signal?: AbortSignal) =>
  session.run({ feeds: { x: f32(session.model.inputs[0]!.shape) }, weights, outputs: ['y'] }, signal);
/** When a run ended, simulated ms. */
const ended = async (session: Session): Promise<number> => {
  await run(session);
  return clock.now();
};

describe('simulated device — time', () => {
  it('a run takes the time of its network and batch, and gives zeros of the right shape', async () => {
    const session = await open('unet.up+residuals 2x8x8', 2);
    const { outputs, runMs } = await clock.run(run(session));
    expect([clock.now(), runMs]).toEqual([16, 16]);
    expect(outputs.y).toEqual(f32([2, 3]));
  });

  it('runs wait for each other, in order', async () => {
    const session = await open('unet.up 1x8x8');
    expect(await clock.run(Promise.all([ended(session), ended(session)]))).toEqual([10, 20]);
    expect(device.busyMs).toBe(20);
  });

  it('what is sent takes the link, while the next run goes on', async () => {
    const session = await open('controlnet.step 1x8x8');
    expect(await clock.run(Promise.all([ended(session), ended(session)]))).toEqual([15, 25]);
  });

  it('patching takes its time beside the runs', async () => {
    const session = await open('unet.up 1x8x8');
    const factors = { 'w.up': f32([2, 2]), 'w.down': f32([2, 2]) };
    const patched = async (): Promise<number> => {
      const set = await weights.patch(factors);
      expect(set.ownBytes).toBe(PROFILE.lora.bytes);
      return clock.now();
    };
    // Rank 2 stands for two LoRAs here.
    expect(await clock.run(Promise.all([patched(), ended(session)]))).toEqual([120, 10]);
  });

  it('a ControlNet is loaded before what comes next may run', async () => {
    const session = await open('unet.up 1x8x8');
    const loading = device.loadWeights(SOURCE, [weight('controlnet_mid_block.weight')]);
    const [set, endMs] = await clock.run(Promise.all([loading, ended(session)]));
    expect([set.ownBytes, endMs]).toEqual([PROFILE.controlnet.bytes, 290]);
  });

  it.each([
    [1, 10],
    [2, 16],
    [3, 20],
    [4, 24],
    [8, 48],
  ])('a batch of %i takes %i ms: from the table, between its rows, in proportion beyond', (batch, ms) => {
    expect(msOfBatch({ '1': 10, '2': 16, '4': 24 }, batch)).toBe(ms);
  });

  it.each([
    [0, 100],
    [0.5, 200],
    [0.75, 300],
    [1, 400],
  ])('the first read at share %d takes %i ms', (share, ms) => {
    const first_read: [number, number][] = [
      [0, 100],
      [0.5, 200],
      [1, 400],
    ];
    expect(firstReadMs({ ...PROFILE.lora, first_read }, share)).toBe(ms);
  });
});

describe('simulated device — as a real one', () => {
  it('names its profile', () => {
    expect(device.name).toBe('simulated:test');
  });

  it('refuses feeds that do not fit, and a network without a time', async () => {
    const session = await open('unet.up 1x8x8');
    const wrong = session.run({ feeds: { x: f32([5]) }, weights, outputs: ['y'] });
    expect((await failure(wrong)).code).toBe('WRONG_SHAPE');
    expect(await failure(open('clip.text 1x77'))).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('clip.text'),
    });
  });

  it('keeps outputs for later runs until they are dropped', async () => {
    const session = await open('unet.up 1x8x8');
    const keeps = { feeds: { x: f32([1]) }, weights, outputs: [], keep: { y: 'slot' } };
    await clock.run(session.run(keeps));
    const next = await device.open({ ...graph('unet.up'), inputs: [{ name: 'x', dtype: 'f32', shape: [1, 3] }] });
    const feeds = { x: { kept: 'slot' } };
    await clock.run(next.run({ feeds, weights, outputs: [], drop: ['slot'] }));
    expect((await failure(next.run({ feeds, weights, outputs: [] }))).code).toBe('WRONG_SHAPE');
  });

  it('takes a waiting run out when its caller gives up', async () => {
    const session = await open('unet.up 1x8x8');
    const abort = new AbortController();
    const [first, given, last] = [ended(session), failure(run(session, abort.signal)), ended(session)];
    abort.abort();
    const [firstMs, error, lastMs] = await clock.run(Promise.all([first, given, last]));
    expect([firstMs, error.code, lastMs]).toEqual([10, 'CANCELLED', 20]);
  });

  it('lets the running call end when it is closed, and refuses the rest', async () => {
    const session = await open('unet.up 1x8x8');
    const running = ended(session);
    await Promise.resolve();
    const waiting = failure(run(session));
    const closed = device.close();
    expect([await clock.run(running), (await waiting).code]).toEqual([10, 'DRAINING']);
    await closed;
    expect((await failure(run(session))).code).toBe('DRAINING');
  });

  it('needs the weights that the graph feeds, not released', async () => {
    const session = await open('unet.up 1x8x8');
    const other = await device.loadWeights(SOURCE, [weight('v')]);
    const request = { feeds: { x: f32([1]) }, weights: other, outputs: ['y'] };
    expect((await failure(session.run(request))).code).toBe('WEIGHT_MISSING');
    await other.release();
    expect((await failure(session.run({ ...request, feeds: { x: f32([1]) } }))).code).toBe('INTERNAL');
  });
});
