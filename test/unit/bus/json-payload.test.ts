import { describe, expect, it } from 'vitest';
import { parseJson, toJson } from '#shared/bus/json-payload.ts';
import type { MeshError } from '#shared/errors/errors.ts';

function refused(payload: Uint8Array | string): MeshError {
  try {
    parseJson(Buffer.from(payload as string));
  } catch (error) {
    return error as MeshError;
  }
  throw new Error('was read');
}

describe('JSON payloads', () => {
  it('nothing is an empty object, so that a request without a field needs no payload', () => {
    expect(parseJson(new Uint8Array(0))).toEqual({});
  });

  it.each([
    ['a comma too many', '{"a": 1,}', 8],
    ['a word', 'hello', undefined],
    ['half a text', '{"a": "b', 8],
  ])('%s is no JSON, and where', (_, payload, position) => {
    expect(refused(payload)).toMatchObject({ code: 'INVALID_JSON', details: position ? { position } : {} });
  });

  it('bytes that are no UTF-8 are refused, not replaced', () => {
    expect(refused(Buffer.from('{"a":"\xff"}', 'latin1')).message).toBe('The payload is no JSON: it is no UTF-8 text.');
  });

  it.each([
    ['lists in lists', '['.repeat(300_000)],
    ['many objects', `[${'{},'.repeat(300_000)}{}]`],
    ['many numbers', `[${'0,'.repeat(300_000)}0]`],
  ])('%s are refused before they are built', (_, payload) => {
    expect(refused(payload)).toMatchObject({ code: 'INVALID_JSON', message: expect.stringContaining('250000 values') });
  });

  it('one long text is one value', () => {
    const value = { image: 'A'.repeat(1_000_000), prompt: ',[{'.repeat(1000) };
    expect(parseJson(toJson(value))).toEqual(value);
  });

  it('a field called __proto__ is a field', () => {
    const parsed = parseJson(Buffer.from('{"__proto__": {"a": 1}}')) as object;
    expect(Object.keys(parsed)).toEqual(['__proto__']);
    expect((parsed as { a?: unknown }).a).toBeUndefined();
  });
});
