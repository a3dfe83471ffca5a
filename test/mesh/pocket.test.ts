/** The model that comes with the project does what its card says, in small: `npm run eval:pocket` measures it in full. */
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { canny } from '#shared/image/canny.ts';
import { decodeImage } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';
import { type Benchmark, readBenchmark, readSheet } from '../../scripts/eval-pocket/benchmark.ts';
import { blocksNear } from '../../scripts/eval-pocket/blocks.ts';
import { Checker } from '../../scripts/eval-pocket/checker.ts';
import { edgeF1 } from '../../scripts/eval-pocket/edge-f1.ts';
import { controlUnit } from '../../scripts/eval-pocket/pictures.ts';
import { TestMesh } from './mesh-kit.ts';

const POCKET = resolve(import.meta.dirname, '../../models/pocket');
const HINTS = 4;

let mesh: TestMesh;
let benchmark: Benchmark;
let checker: Checker;

beforeAll(async () => {
  benchmark = await readBenchmark();
  [mesh, checker] = await Promise.all([TestMesh.start({ model: POCKET }), Checker.open(benchmark.names)]);
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await checker?.[Symbol.asyncDispose]();
});

async function paint(input: GenerateInput): Promise<Picture> {
  const request = { steps: benchmark.steps, guidance_scale: benchmark.guidance, seed: 1, ...input };
  return decodeImage(await mesh.png(await mesh.generate(request)));
}

/** Of pictures along the first hints of a sheet. */
async function meanLikeness(
  controlnet: string,
  sheet: string,
  likeness: (hint: Picture, made: Picture) => number,
  words?: string,
) {
  let sum = 0;
  for (const [i, hint] of (await readSheet(sheet, HINTS)).entries()) {
    const { prompt, seed } = benchmark.drawings[i]!;
    sum += likeness(
      hint,
      await paint({ prompt: words ?? prompt, seed, controlnets: [await controlUnit(controlnet, hint)] }),
    );
  }
  return sum / HINTS;
}

describe('mesh with the pocket model', () => {
  it('edges of a picture are where the drawing has them', async () => {
    const likeness = (drawing: Picture, made: Picture) => edgeF1(drawing, canny(made), benchmark.edge_tolerance_pixels);
    expect(await meanLikeness('edges', 'drawings.png', likeness)).toBeGreaterThan(0.7);
  });

  it('colours of a picture without a prompt are where the layout has them', async () => {
    const likeness = (layout: Picture, made: Picture) => blocksNear(layout, made, benchmark.block_tolerance);
    expect(await meanLikeness('layout', 'layouts.png', likeness, '')).toBeGreaterThan(0.5);
  });

  it.each(['plain', 'neon', 'blueprint', 'sketch'])('a picture that is to be %s is', async (style) => {
    const loras = style === 'plain' ? [] : [{ lora: style, weight: 1 }];
    const picture = await paint({ prompt: 'a red boat on the sea by day', loras });
    const reading = await checker.read(picture);
    expect(reading).toMatchObject({ style, things: [{ kind: 'boat' }] });
  });

  it('words that it never saw are told once, with what it knows', async () => {
    const { warnings } = await mesh.generate({ prompt: 'a red boat and a dragon', batch: 2, steps: 1 });
    expect(warnings).toEqual([{ field: 'prompt', message: expect.stringMatching(/never seen "dragon"\. .*boat/) }]);
  });

  it('an empty prompt makes a scene', async () => {
    const { things } = await checker.read(await paint({ prompt: '' }));
    expect(things.length).toBeGreaterThan(0);
  });
});
