import { describe, expect, it } from 'vitest';
import { ERRORS } from '#shared/errors/errors.ts';
import { read } from './source-tree.ts';

/** Rows `| CODE | HTTP | retry | cause | remedy |` of docs/errors.md. */
const rows = [
  ...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` *\| (\d+) *\| `(\w+)` *\| (.+?) *\| (.+?) *\|$/gm),
].map(([, code, status, retry, cause, remedy]) => ({
  code: code!,
  status: Number(status),
  retry,
  cause: cause!,
  remedy: remedy!,
}));

describe('docs/errors.md — the list of errors', () => {
  it('has every code of errors.ts once, in its order, and no other', () => {
    expect(rows.map(({ code }) => code)).toEqual(Object.keys(ERRORS));
  });

  it('agrees on status and retry', () => {
    const documented = rows.map(({ code, status, retry }) => [code, { status, retry }]);
    expect(Object.fromEntries(documented)).toEqual(ERRORS);
  });

  it('says cause and remedy of each in sentences', () => {
    expect(rows.filter(({ cause, remedy }) => !/\w.*[.…]$/.test(cause) || !/\w.*[.…]$/.test(remedy))).toEqual([]);
  });

  it('has 46 codes: a new one is a decision, callers have to learn it', () => {
    expect(Object.keys(ERRORS)).toHaveLength(46);
  });
});
