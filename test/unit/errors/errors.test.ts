import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode, MeshError } from '#shared/errors/errors.ts';

describe('MeshError — what a code means', () => {
  it.each<[ErrorCode, number, string]>([
    ['INVALID_REQUEST', 400, 'never'],
    ['QUEUE_FULL', 429, 'later'],
    ['MAILBOX_FULL', 503, 'elsewhere'],
  ])('%s: HTTP %i, retry %s', (code, status, retry) => {
    expect(new MeshError(code, 'text')).toMatchObject({ status, retry });
  });

  it('whoever may try again is told so by a status of HTTP that says so too', () => {
    const retried = Object.values(ERRORS).filter(({ retry }) => retry !== 'never');
    expect(retried.filter(({ status }) => status < 500 && status !== 429)).toEqual([]);
  });
});

describe('MeshError — across a process border', () => {
  it('keeps code, message and details; no stack, no cause', () => {
    const error = new MeshError('UNKNOWN_LORA', 'No such LoRA.', { nearest: ['ink'] }, { cause: new Error('inner') });
    const wire = JSON.parse(JSON.stringify(error.toWire()));
    expect(wire).toEqual({ code: 'UNKNOWN_LORA', message: 'No such LoRA.', details: { nearest: ['ink'] } });
    expect(MeshError.fromWire(wire)).toMatchObject(wire);
  });

  it.each(['NOT_YET_INVENTED', 'toString', ''])('a code that is not known here (%j) becomes INTERNAL', (code) => {
    expect(MeshError.fromWire({ code, message: 'text' })).toMatchObject({ code: 'INTERNAL', message: 'text' });
  });
});

describe('MeshError — out of whatever was thrown', () => {
  const own = new MeshError('OUT_OF_MEMORY', 'The device is full.');
  const other = new TypeError('x is not a function');

  it.each<[string, unknown, object]>([
    ['itself', own, own],
    ['an error', other, { code: 'INTERNAL', message: 'x is not a function', cause: other }],
    ['no error at all', 'oops', { code: 'INTERNAL', message: 'oops' }],
    ['nothing', undefined, { code: 'INTERNAL' }],
    ['an abort', AbortSignal.abort().reason, { code: 'CANCELLED' }],
    ['an abort with a reason', new DOMException('', { name: 'AbortError', cause: own }), own],
  ])('%s', (_, thrown, expected) => {
    expect(MeshError.from(thrown)).toMatchObject(expected);
  });

  it('an aborted signal: its reason, or CANCELLED by it', () => {
    expect(MeshError.fromAbort(AbortSignal.abort(own))).toBe(own);
    expect(MeshError.fromAbort(AbortSignal.abort('enough'))).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
  });
});
