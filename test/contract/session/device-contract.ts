/** What every computing device does, whatever it computes on. */
import { rmSync, truncateSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import type { Device, RunRequest, Session, WeightSet } from '#shared/session/device.ts';
import { f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { constantLinear, integers, linear, slow, sumAndDifference, vector, zeros } from './graphs.ts';
import { WeightFile } from './weight-file.ts';

const failure = async (work: Promise<unknown>): Promise<MeshError> => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof MeshError)) throw new Error(`A MeshError was expected, not ${String(thrown)}.`);
  return thrown;
};

const numbers = (tensors: TensorMap, name: string): number[] => Array.from(tensors[name]!.data as Float32Array);

/** up · down = `scale` in the first row and first column, rank 1. */
const factors = (weight: string, [rows, columns]: [number, number], scale: number): TensorMap => ({
  [`${weight}.up`]: f32(
    [rows, 1],
    Float32Array.from({ length: rows }, (_, i) => (i === 0 ? scale : 0)),
  ),
  [`${weight}.down`]: f32(
    [1, columns],
    Float32Array.from({ length: columns }, (_, i) => (i === 0 ? 1 : 0)),
  ),
});

export function describeDevice(name: string, open: () => Promise<Device>): void {
  describe(`device ${name}`, () => {
    let device: Device;
    let file: WeightFile;
    let base: WeightSet;

    beforeAll(() => {
      file = new WeightFile({
        plain: { dtype: 'f32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
        other: { dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) },
        // 1, -2, the smallest subnormal, the largest number.
        half: { dtype: 'f16', shape: [2, 2], data: Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff) },
        brain: { dtype: 'bf16', shape: [2, 2], data: Uint16Array.of(0x3f80, 0xc000, 0x3f81, 0x4b00) },
        double: { dtype: 'f64', shape: [2, 2], data: Float64Array.of(1, -2, 0.5, 0.1) },
      });
    });
    afterAll(() => file.remove());
    beforeEach(async () => {
      device = await open();
      base = await device.loadWeights(file, file.weights, { isPatchable: true });
    });
    afterEach(() => device.close());

    const run = (session: Session, feeds: RunRequest['feeds'], rest: Partial<RunRequest> = {}) =>
      session.run({ feeds, weights: base, outputs: session.model.outputs.map((port) => port.name), ...rest });
    /** The rows of a 2-column weight, seen through x = (1, 0) and (0, 1). */
    const columns = async (session: Session, weights: WeightSet = base): Promise<number[][]> => {
      const first = await run(session, { x: vector(1, 0) }, { weights });
      const second = await run(session, { x: vector(0, 1) }, { weights });
      return [numbers(first.outputs, 'y'), numbers(second.outputs, 'y')];
    };

    describe('runs', () => {
      it('computes from feeds and weights, and says how long the runtime took', async () => {
        const session = await device.open(linear(file, 'plain'));
        const { outputs, runMs } = await run(session, { x: vector(10, 1) });
        expect(outputs.y!.shape).toEqual([1, 3]);
        expect(numbers(outputs, 'y')).toEqual([12, 34, 56]);
        expect(runMs).toBeGreaterThan(0);
      });

      it('gives back only the outputs that were asked for', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const { outputs } = await run(session, { a: vector(3, 5), b: vector(1, 1) }, { outputs: ['difference'] });
        expect(Object.keys(outputs)).toEqual(['difference']);
        expect(numbers(outputs, 'difference')).toEqual([2, 4]);
      });

      it('carries bytes and 64-bit integers in and out', async () => {
        const session = await device.open(integers(file, 2));
        const pixels: Tensor = { dtype: 'u8', shape: [2], data: Uint8Array.of(255, 1) };
        const tokens: Tensor = { dtype: 'i64', shape: [2], data: BigInt64Array.of(49407n, -3n) };
        const { outputs } = await run(session, { pixels, tokens });
        expect(outputs.sum!.data).toEqual(BigInt64Array.of(49662n, -2n));
        expect(numbers(outputs, 'floats')).toEqual([49662, -2]);
      });

      it('feeds one tensor to two inputs', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const same = vector(3, 5);
        const { outputs } = await run(session, { a: same, b: same });
        expect(numbers(outputs, 'sum')).toEqual([6, 10]);
      });

      it('takes over a value that fills its buffer, and leaves a view of a larger one to its owner', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const frame = Float32Array.of(0, 3, 5, 0);
        const whole = vector(1, 1);
        const { outputs } = await run(session, { a: f32([1, 2], frame.subarray(1, 3)), b: whole });
        expect(numbers(outputs, 'sum')).toEqual([4, 6]);
        expect(frame).toEqual(Float32Array.of(0, 3, 5, 0));
        expect(whole.data.length).toBe(0);
        expect(await failure(run(session, { a: whole, b: vector(1, 1) }))).toMatchObject({ code: 'WRONG_SHAPE' });
      });

      it('takes over views with all of their buffer, where nobody else uses it', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const frame = Float32Array.of(0, 3, 5, 1, 1);
        const feeds = { a: f32([1, 2], frame.subarray(1, 3)), b: f32([1, 2], frame.subarray(3, 5)) };
        const { outputs, spent } = await run(session, feeds, { ownsBuffers: true });
        expect(numbers(outputs, 'sum')).toEqual([4, 6]);
        expect(frame.length).toBe(0);
        expect(spent!.map((buffer) => new Float32Array(buffer))).toEqual([Float32Array.of(0, 3, 5, 1, 1)]);
      });

      it('reads constants from the checkpoint file itself', async () => {
        const session = await device.open(constantLinear(file, 'plain'));
        expect(numbers((await run(session, { x: vector(10, 1) })).outputs, 'y')).toEqual([12, 34, 56]);
      });

      it('leaves the caller’s thread free', async () => {
        const session = await device.open(slow(file));
        const { port1, port2 } = new MessageChannel();
        let answered = 0;
        port2.on('message', () => port2.postMessage('pong'));
        port1.on('message', () => {
          answered++;
          port1.postMessage('ping');
        });
        port1.postMessage('ping');
        await run(session, { x: zeros() });
        port1.close();
        // On the caller's own thread two or three would fit around the run.
        expect(answered).toBeGreaterThan(50);
      });

      it('fails after the release of its session, which may be repeated', async () => {
        const session = await device.open(linear(file, 'plain'));
        await session.release();
        await session.release();
        expect((await failure(run(session, { x: vector(1, 1) }))).code).toBe('INTERNAL');
      });

      it('names the graph when the runtime refuses it', async () => {
        const broken = { ...linear(file, 'plain'), bytes: Uint8Array.of(1, 2, 3) };
        expect(await failure(device.open(broken))).toMatchObject({
          code: 'INTERNAL',
          message: expect.stringContaining('linear plain'),
        });
      });
    });

    describe('feeds', () => {
      const wrong: Array<[string, RunRequest['feeds'], string[]]> = [
        ['a missing one', { a: vector(1, 2) }, ['input b', '[1, 2]', 'missing']],
        ['an unknown one', { a: vector(1, 2), b: vector(1, 2), c: vector(1) }, ['no input c']],
        ['a misshapen one', { a: vector(1, 2), b: vector(1, 2, 3) }, ['input b', '[1, 3]', '[1, 2]']],
        [
          'another dtype',
          { a: vector(1, 2), b: { dtype: 'i32', shape: [1, 2], data: Int32Array.of(1, 2) } },
          ['i32', 'f32'],
        ],
        ['a slot that nothing is kept under', { a: vector(1, 2), b: { kept: 'nowhere' } }, ['input b', 'kept']],
      ];
      it.each(wrong)('refuses %s with the graph, the port and the shapes', async (_, feeds, parts) => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const error = await failure(run(session, feeds));
        expect(error.code).toBe('WRONG_SHAPE');
        for (const part of ['sum 1x2', ...parts]) expect(error.message).toContain(part);
      });

      it('refuses an unknown output', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const error = await failure(run(session, { a: vector(1, 2), b: vector(1, 2) }, { outputs: ['product'] }));
        expect(error).toMatchObject({ code: 'WRONG_SHAPE', message: expect.stringContaining('product') });
      });

      it('leaves the values of a refused run to their owner', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const a = vector(1, 2);
        await failure(run(session, { a }));
        expect(a.data).toEqual(Float32Array.of(1, 2));
      });
    });

    describe('values put there', () => {
      it('are fed as often as they are needed, until they are dropped', async () => {
        const sums = await device.open(sumAndDifference(file, [1, 2]));
        const value = vector(3, 5);
        await device.put('slot', value);
        for (const b of [1, 2]) {
          const { outputs } = await run(sums, { a: { kept: 'slot' }, b: vector(b, b) });
          expect(numbers(outputs, 'sum')).toEqual([3 + b, 5 + b]);
        }
        expect([...value.data]).toEqual([3, 5]);
        await device.drop(['slot']);
        expect((await failure(run(sums, { a: { kept: 'slot' }, b: vector(1, 1) }))).code).toBe('WRONG_SHAPE');
      });

      it('replace what was there', async () => {
        const sums = await device.open(sumAndDifference(file, [1, 2]));
        await device.put('slot', vector(1, 1));
        await device.put('slot', vector(7, 7));
        const { outputs } = await run(sums, { a: { kept: 'slot' }, b: vector(1, 2) });
        expect(numbers(outputs, 'sum')).toEqual([8, 9]);
      });
    });

    describe('kept outputs', () => {
      it('feed later runs of any session until they are dropped', async () => {
        const sums = await device.open(sumAndDifference(file, [1, 2]));
        const session = await device.open(linear(file, 'plain'));
        const kept = await run(sums, { a: vector(8, 1), b: vector(2, 0) }, { outputs: [], keep: { sum: 'slot' } });
        expect(kept.outputs).toEqual({});
        for (let i = 0; i < 2; i++) {
          const { outputs } = await run(session, { x: { kept: 'slot' } });
          expect(numbers(outputs, 'y')).toEqual([12, 34, 56]);
        }
        await device.drop(['slot', 'unknown']);
        expect((await failure(run(session, { x: { kept: 'slot' } }))).code).toBe('WRONG_SHAPE');
      });

      it('can be given back as well, and are replaced by what is kept there next', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const first = await run(session, { a: vector(1, 2), b: vector(1, 1) }, { keep: { sum: 'slot' } });
        expect(numbers(first.outputs, 'sum')).toEqual([2, 3]);
        const second = await run(session, { a: { kept: 'slot' }, b: vector(1, 1) }, { keep: { sum: 'slot' } });
        expect(numbers(second.outputs, 'sum')).toEqual([3, 4]);
        const third = await run(session, { a: { kept: 'slot' }, b: { kept: 'slot' } });
        expect(numbers(third.outputs, 'sum')).toEqual([6, 8]);
      });

      it('go with the last run that needs them', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        await run(session, { a: vector(1, 2), b: vector(1, 1) }, { keep: { sum: 'slot' } });
        const last = await run(session, { a: { kept: 'slot' }, b: vector(1, 1) }, { drop: ['slot'] });
        expect(numbers(last.outputs, 'sum')).toEqual([3, 4]);
        expect((await failure(run(session, { a: { kept: 'slot' }, b: vector(1, 1) }))).code).toBe('WRONG_SHAPE');
      });

      it('are checked in the turn of the run, after the run that keeps them', async () => {
        const session = await device.open(sumAndDifference(file, [1, 2]));
        const keeps = run(session, { a: vector(1, 2), b: vector(1, 1) }, { keep: { sum: 'slot' } });
        const feeds = run(session, { a: { kept: 'slot' }, b: vector(1, 1) });
        await keeps;
        expect(numbers((await feeds).outputs, 'sum')).toEqual([3, 4]);
      });
    });

    describe('weights', () => {
      it('are widened exactly from every stored type', async () => {
        const half = await device.open(linear(file, 'half'));
        expect(await columns(half)).toEqual([
          [1, 2 ** -24],
          [-2, 65504],
        ]);
        const brain = await device.open(linear(file, 'brain'));
        expect(await columns(brain)).toEqual([
          [1, 1.0078125],
          [-2, 2 ** 23],
        ]);
        const double = await device.open(linear(file, 'double'));
        expect(await columns(double)).toEqual([
          [1, 0.5],
          [-2, Math.fround(0.1)],
        ]);
      });

      it('are fed by rows where a graph takes only some', async () => {
        const session = await device.open(linear(file, 'plain', { rows: [1, 3] }));
        expect(await columns(session)).toEqual([
          [3, 5],
          [4, 6],
        ]);
      });

      it('are loaded once by name, and counted', async () => {
        const twice = await device.loadWeights(file, [...file.weights, ...file.weights]);
        expect(twice.ownBytes).toBe(4 * (6 + 4 + 4 + 4 + 4));
      });

      it('that a graph needs and the set lacks are named', async () => {
        const session = await device.open(linear(file, 'plain'));
        const weights = await device.loadWeights(file, [file.get('half')]);
        const error = await failure(run(session, { x: vector(1, 1) }, { weights }));
        expect(error).toMatchObject({ code: 'WEIGHT_MISSING', message: expect.stringContaining('plain') });
      });

      it('of a vanished or shortened file are refused with its path', async () => {
        const short = new WeightFile({ w: { dtype: 'f16', shape: [4], data: Uint16Array.of(1, 2, 3, 4) } });
        truncateSync(short.path, 6);
        expect(await failure(device.loadWeights(short, short.weights))).toMatchObject({
          code: 'FILE_UNREADABLE',
          message: expect.stringContaining(short.path),
        });
        rmSync(short.path);
        expect(await failure(device.loadWeights(short, short.weights))).toMatchObject({
          code: 'FILE_UNREADABLE',
          message: expect.stringContaining(short.path),
        });
        short.remove();
      });
    });

    describe('patched weights', () => {
      const PLAIN: [number, number] = [3, 2];

      it('change what is named and nothing else, and the base not at all', async () => {
        const session = await device.open(linear(file, 'plain'));
        const other = await device.open(linear(file, 'other'));
        const before = await columns(session);
        const patched = await base.patch(factors('plain', PLAIN, 0.25));
        expect(patched.ownBytes).toBe(4 * 6);
        expect(await columns(session, patched)).toEqual([
          [1.25, 3, 5],
          [2, 4, 6],
        ]);
        expect(await columns(other, patched)).toEqual(await columns(other));
        expect(await columns(session)).toEqual(before);
      });

      it('are W + up · down, for any rank', async () => {
        const session = await device.open(linear(file, 'other'));
        const patched = await base.patch({
          'other.up': f32([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)),
          'other.down': f32([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)),
        });
        expect(await columns(session, patched)).toEqual([
          [23, 49],
          [28, 65],
        ]);
      });

      it('may be several of one set', async () => {
        const [plain, other] = [await device.open(linear(file, 'plain')), await device.open(linear(file, 'other'))];
        const before = [(await columns(plain))[0]![0]!, (await columns(other))[0]![0]!];
        const patched = await base.patch({ ...factors('plain', PLAIN, 1), ...factors('other', [2, 2], 2) });
        const after = [(await columns(plain, patched))[0]![0]!, (await columns(other, patched))[0]![0]!];
        expect(after).toEqual([before[0]! + 1, before[1]! + 2]);
      });

      it('stand side by side', async () => {
        const session = await device.open(linear(file, 'plain'));
        const [one, two] = [await base.patch(factors('plain', PLAIN, 1)), await base.patch(factors('plain', PLAIN, 2))];
        const corner = async (set: WeightSet) => (await columns(session, set))[0]![0];
        expect([await corner(one), await corner(two), await corner(base)]).toEqual([2, 3, 1]);
      });

      it('are made while a run goes on, and given up when their signal says so', async () => {
        const session = await device.open(slow(file));
        const running = run(session, { x: zeros() });
        const controller = new AbortController();
        const [kept, given] = [
          base.patch(factors('plain', PLAIN, 1)),
          base.patch(factors('plain', PLAIN, 2), controller.signal),
        ];
        controller.abort(new MeshError('DEADLINE_EXCEEDED', 'Too late.'));
        expect((await failure(given)).code).toBe('DEADLINE_EXCEEDED');
        expect((await kept).ownBytes).toBe(4 * 6);
        await running;
      });

      it('are refused by a set that was not loaded for it', async () => {
        const fixed = await device.loadWeights(file, file.weights);
        expect((await failure(fixed.patch(factors('plain', PLAIN, 1)))).code).toBe('INTERNAL');
      });

      it('outlive the release of their base, and it outlives theirs', async () => {
        const session = await device.open(linear(file, 'plain'));
        const other = await device.open(linear(file, 'other'));
        const [kept, gone] = [
          await base.patch(factors('plain', PLAIN, 1)),
          await base.patch(factors('plain', PLAIN, 2)),
        ];
        await gone.release();
        await gone.release();
        expect((await failure(columns(session, gone))).code).toBe('INTERNAL');
        expect((await columns(session))[0]![0]).toBe(1);
        await base.release();
        expect((await columns(session, kept))[0]![0]).toBe(2);
        expect((await columns(other, kept))[0]).toEqual([1, 0]);
      });

      it('leave the factors to their owner', async () => {
        const given = factors('plain', PLAIN, 1);
        await base.patch(given);
        expect(numbers(given, 'plain.up')).toEqual([1, 0, 0]);
      });

      it('are refused when the factors do not fit', async () => {
        const bad = [factors('nowhere', PLAIN, 1), factors('plain', [2, 2], 1), { plain: f32([1]) }];
        for (const given of bad) expect((await failure(base.patch(given))).code).toBe('LORA_MISMATCH');
      });
    });

    describe('cancelling', () => {
      it('takes a waiting run out and leaves the others', async () => {
        const session = await device.open(slow(file));
        const controller = new AbortController();
        const running = run(session, { x: zeros() });
        const x = zeros();
        const waiting = session.run({ feeds: { x }, weights: base, outputs: ['y'] }, controller.signal);
        const last = run(session, { x: zeros() });
        controller.abort();
        expect((await failure(waiting)).code).toBe('CANCELLED');
        expect(x.data.length).toBe(1024 * 1024);
        await running;
        await last;
      });

      it('gives the reason when it is one of ours, also before the run was asked for', async () => {
        const session = await device.open(linear(file, 'plain'));
        const signal = AbortSignal.abort(new MeshError('DEADLINE_EXCEEDED', 'Too late.'));
        const request = { feeds: { x: vector(1, 1) }, weights: base, outputs: ['y'] };
        expect((await failure(session.run(request, signal))).code).toBe('DEADLINE_EXCEEDED');
      });

      it('drops the results of a run that has started', async () => {
        const session = await device.open(slow(file));
        const controller = new AbortController();
        const request = { feeds: { x: zeros() }, weights: base, outputs: [], keep: { y: 'slot' } };
        const started = session.run(request, controller.signal);
        await nextTurn();
        controller.abort();
        expect((await failure(started)).code).toBe('CANCELLED');
        expect((await failure(run(session, { x: { kept: 'slot' } }))).message).toContain('kept');
      });
    });

    describe('closing', () => {
      it('lets the running call end, refuses the rest, and may be repeated', async () => {
        const session = await device.open(slow(file));
        const running = run(session, { x: zeros() });
        await nextTurn();
        const waiting = failure(run(session, { x: zeros() }));
        const closed = device.close();
        expect((await running).outputs.y!.shape).toEqual([1024, 1024]);
        expect((await waiting).code).toBe('DRAINING');
        await closed;
        await device.close();
        expect((await failure(run(session, { x: zeros() }))).code).toBe('DRAINING');
      });

      it('makes every release a thing already done', async () => {
        const session = await device.open(linear(file, 'plain'));
        await device.close();
        await session.release();
        await base.release();
        await device.drop(['slot']);
      });

      it('leaves outputs and other devices alone', async () => {
        const second = await open();
        const session = await device.open(linear(file, 'plain'));
        const { outputs } = await run(session, { x: vector(10, 1) });
        await device.close();
        expect(numbers(outputs, 'y')).toEqual([12, 34, 56]);
        const weights = await second.loadWeights(file, file.weights);
        const again = await second.open(linear(file, 'plain'));
        expect(numbers((await run(again, { x: vector(10, 1) }, { weights })).outputs, 'y')).toEqual([12, 34, 56]);
        await second.close();
      });
    });
  });
}
