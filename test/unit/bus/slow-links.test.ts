import { describe, expect, it } from 'vitest';
import type { Transfer } from '#shared/bus/bus.ts';
import { SlowLinks } from '#shared/bus/slow-links.ts';

const MB = 2 ** 20;

function told(...transfers: readonly [string, Transfer][]): string[] {
  const links: string[] = [];
  const slow = new SlowLinks(({ instance, route }) => links.push(`${instance} ${route}`));
  for (const [instance, transfer] of transfers) slow.note(instance, transfer);
  return links;
}

function transfer(route: Transfer['route'], sizeBytes: number, durationMs: number): Transfer {
  return { route, sizeBytes, durationMs };
}

describe('slow links', () => {
  it('are told of once each', () => {
    const [slow, fast] = [transfer('chunks', 27 * MB, 3000), transfer('tcp', 27 * MB, 30)];
    expect(told(['a', slow], ['a', slow], ['a', fast], ['b', fast], ['b', slow])).toEqual(['a chunks', 'b chunks']);
    expect(told(['a', slow], ['a', transfer('tcp', 27 * MB, 3000)])).toEqual(['a chunks', 'a tcp']);
  });

  it('a small reply that took its moment is none, nor is one in a message', () => {
    expect(told(['a', transfer('chunks', MB, 150)], ['a', transfer('inline', 1, 10_000)])).toEqual([]);
  });
});
