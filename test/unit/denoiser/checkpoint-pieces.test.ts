import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '#shared/contracts/checkpoint.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { encode } from '#shared/wire/codec.ts';
import { message } from '#shared/wire/message.ts';
import { join } from '#shared/wire/segments.ts';
import { joinPieces } from '../../../services/denoiser/checkpoint-pieces.ts';

function piece(numbers: number[], more: Partial<Checkpoint> = {}): Uint8Array {
  const body: Checkpoint = { digest: 'd', run: 'a', base: null, start: 0, lora_entered_step: null, ...more };
  return join(encode(message(body, { noise_pred: f32([numbers.length], Float32Array.from(numbers)) })));
}

function joined(...messages: Uint8Array[]): number[] | undefined {
  const known = joinPieces(messages, 'd');
  return known && [...known.numbers];
}

describe('checkpoints — pieces of a job put together', () => {
  it('nothing written, or only for another request, is nothing known', () => {
    expect(joined()).toBeUndefined();
    expect(joined(piece([1], { digest: 'other' }))).toBeUndefined();
  });

  it('one run: in its order, with the step at which LoRAs entered', () => {
    const messages = [piece([1, 2]), piece([3], { start: 2, lora_entered_step: 1 })];
    expect(joinPieces(messages, 'd')).toMatchObject({ run: 'a', loraEnteredStep: 1 });
    expect(joined(...messages)).toEqual([1, 2, 3]);
  });

  it('what follows a gap is not known: a message was lost, or the stream has dropped the oldest', () => {
    expect(joined(piece([1]), piece([3], { start: 2 }))).toEqual([1]);
    expect(joined(piece([3], { start: 2 }))).toBeUndefined();
  });

  it('a run that went on with another one takes of it what it says, though the other wakes up and goes on too', () => {
    const base = { run: 'a', count: 2 };
    const messages = [
      piece([1, 2, 3]),
      piece([30], { run: 'b', base, start: 2 }),
      piece([4], { start: 3 }),
      piece([40, 50], { run: 'b', base, start: 3 }),
    ];
    expect(joined(...messages)).toEqual([1, 2, 30, 40, 50]);
  });

  it('three runs, one behind the other', () => {
    const messages = [
      piece([1]),
      piece([2], { run: 'b', base: { run: 'a', count: 1 }, start: 1 }),
      piece([3], { run: 'c', base: { run: 'b', count: 2 }, start: 2 }),
    ];
    expect(joined(...messages)).toEqual([1, 2, 3]);
  });

  it.each<[string, Uint8Array]>([
    ['a base that is not there', piece([9], { run: 'b', base: { run: 'x', count: 1 }, start: 1 })],
    ['a base that had not come so far', piece([9], { run: 'b', base: { run: 'a', count: 5 }, start: 5 })],
    ['a run that went on with itself', piece([9], { run: 'b', base: { run: 'b', count: 1 }, start: 1 })],
    ['no message of ours', Uint8Array.of(1, 2, 3)],
    ['no tensor', join(encode(message({ digest: 'd', run: 'a', base: null, start: 0, lora_entered_step: null })))],
  ])('%s is left out', (_, wrong) => {
    expect(joined(piece([1]), wrong)).toEqual([1]);
  });
});
