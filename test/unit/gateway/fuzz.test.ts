import { beforeAll, describe, expect, it } from 'vitest';
import { parseJson, toJson } from '#shared/bus/json-payload.ts';
import { GenerateRequest } from '#shared/contracts/generate.ts';
import type { ErrorCode, MeshError } from '#shared/errors/errors.ts';
import { ManualClock } from '#test/contract/bus/manual-clock.ts';
import { fuzz, type Random, refusal } from '#test/fuzz.ts';
import { readImagesRequest } from '../../../services/gateway/http/openai.ts';
import { parseRequest } from '../../../services/gateway/validation.ts';
import { type Door, door } from './door.ts';

/** A picture of one pixel. */
const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const REQUEST = {
  job: 'fuzzed',
  model: 'sd15',
  prompt: ['a cat', 'a dog'],
  negative_prompt: 'rain',
  width: 64,
  height: 72,
  steps: 20,
  guidance_scale: 7.5,
  sampler: 'DDIM',
  eta: 0.5,
  seed: [1, 2],
  batch: 2,
  clip_skip: 2,
  controlnets: [{ controlnet: 'controlnet-a', image, preprocessor: 'none', control_guidance_end: 0.5 }],
  guess_mode: false,
  loras: [{ lora: 'a-kohya', weight: 0.5 }, { lora: 'b-kohya' }],
  deadline_ms: 1000,
};
const { width: _, height: __, batch: n, ...shared } = REQUEST;
const IMAGES_REQUEST = { ...shared, n, size: '64x72', response_format: 'b64_json', quality: 'auto', user: 'someone' };

const OF_THE_DOOR: ReadonlySet<ErrorCode> = new Set([
  'INVALID_JSON',
  'INVALID_REQUEST',
  'INVALID_IMAGE',
  'UNSUPPORTED_OPTION',
  'UNKNOWN_MODEL',
  'UNKNOWN_SAMPLER',
  'UNKNOWN_CONTROLNET',
  'UNKNOWN_LORA',
]);

let atDoor: Door;

beforeAll(async () => {
  atDoor = await door(new ManualClock());
});

/** Runs all rounds: each is refused by a code of the door with the path of a field, or taken; and there are some of both. */
async function expectOrderly(rounds: number, run: (random: Random) => unknown): Promise<void> {
  let refused = 0;
  await fuzz(rounds, async (random) => {
    const error = await refusal(() => run(random));
    if (!error) return;
    refused++;
    expectRefusal(error);
  });
  expect(refused).toBeGreaterThan(rounds / 20);
  expect(refused).toBeLessThan(rounds);
}

function expectRefusal(error: MeshError): void {
  expect(OF_THE_DOOR).toContain(error.code);
  if (error.code === 'INVALID_JSON') return;
  const problems = (error.details.problems ?? [error.details]) as { path: unknown }[];
  expect(problems.map(({ path }) => typeof path)).toEqual(problems.map(() => 'string'));
  expect(problems.length).toBeGreaterThan(0);
  expect(error.message.length).toBeLessThan(10_000);
}

function mutated(random: Random, request: unknown): unknown {
  let out = request;
  for (let i = 1 + random.below(3); i > 0; i--) out = random.mutate(out);
  return out;
}

describe('fuzz — requests', () => {
  it('2000 requests that were changed are taken, or refused by the path of a field', async () => {
    await expectOrderly(2000, (random) => parseRequest(GenerateRequest, mutated(random, REQUEST)));
  });

  it('so are 300 by the whole door, with a look at names and images', async () => {
    await expectOrderly(300, (random) => atDoor.admission.admit(mutated(random, REQUEST)));
  });

  it('so are 2000 bodies of the images endpoint', async () => {
    await expectOrderly(2000, (random) => readImagesRequest(mutated(random, IMAGES_REQUEST)).input);
  });

  it('2000 damaged payloads are requests, or no JSON', async () => {
    const payload = toJson(IMAGES_REQUEST);
    await expectOrderly(2000, (random) => readImagesRequest(parseJson(random.damage(payload))));
  });
});
