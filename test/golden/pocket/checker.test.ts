/** The pocket model's checker reads what the recipe's own, in Python, reads from the same pictures. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FOLDER, readBenchmark, readSheet } from '../../../scripts/eval-pocket/benchmark.ts';
import { Checker } from '../../../scripts/eval-pocket/checker.ts';
import { edgeF1 } from '../../../scripts/eval-pocket/edge-f1.ts';

/** As dataclasses become JSON. */
interface Recorded {
  readonly things: readonly [kind: string, colour: string][];
  readonly xs: readonly number[];
  readonly ground: string;
  readonly time: string;
  readonly style: string;
}

const benchmark = await readBenchmark();
const recorded = JSON.parse(await readFile(join(FOLDER, 'renders.json'), 'utf8')) as Recorded[];

describe('pocket model — the checker', () => {
  it('reads renders as the recipe does', async () => {
    await using checker = await Checker.open(benchmark.names);
    const pictures = await readSheet('renders.png', recorded.length);
    for (const [i, picture] of pictures.entries()) {
      const { things, ...whole } = await checker.read(picture);
      expect({ things: things.map(({ kind, colour }) => [kind, colour]), ...whole }).toEqual({
        things: recorded[i]!.things,
        ground: recorded[i]!.ground,
        time: recorded[i]!.time,
        style: recorded[i]!.style,
      });
      for (const [n, { x }] of things.entries()) expect(x).toBeCloseTo(recorded[i]!.xs[n]!, 6);
    }
  });

  it('a drawing has F1 1 with itself, and less with another', async () => {
    const [one, other] = await readSheet('drawings.png', 2);
    expect(edgeF1(one!, one!, 2)).toBe(1);
    expect(edgeF1(one!, other!, 2)).toBeLessThan(0.6);
  });
});
