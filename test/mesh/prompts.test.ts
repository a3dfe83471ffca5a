/** Prompts in A1111's syntax, schedules, noise and guidance through the whole mesh. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { decodeImage } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';
import { TestMesh } from './mesh-kit.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start({ model: 'small' });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

const REQUEST = { prompt: 'a cat', seed: 5, steps: 4, sampler: 'Euler', prompt_syntax: 'a1111' } as const;

async function picture(more: Partial<GenerateInput>): Promise<{ pixels: Picture; parameters: string }> {
  const reply = await mesh.generate({ ...REQUEST, ...more });
  const pixels = await decodeImage(await mesh.png(reply));
  return { pixels, parameters: reply.images[0]!.parameters };
}

describe('mesh — prompts in A1111’s syntax', () => {
  it('a LoRA tag is a LoRA of the field, and is told as one', async () => {
    const tagged = await picture({ prompt: 'a cat<lora:a-kohya:0.7>' });
    const named = await picture({ loras: [{ lora: 'a-kohya', weight: 0.7 }] });
    expect(tagged.pixels).toEqual(named.pixels);
    expect(tagged.parameters).toContain('a cat <lora:a-kohya:0.7>');
  });

  it('weights change the picture, plain brackets do not weigh', async () => {
    const weighted = await picture({ prompt: 'a (red:1.5) cat' });
    expect(weighted.pixels).not.toEqual((await picture({ prompt: 'a (red:1.5) cat', prompt_syntax: 'plain' })).pixels);
    expect(weighted.pixels).not.toEqual((await picture({ prompt: 'a red cat' })).pixels);
  });

  it('an edit at the first step is the second prompt, one beyond the last the first', async () => {
    const plain = await picture({ prompt: 'a dog' });
    expect((await picture({ prompt: 'a [cat:dog:0]' })).pixels).toEqual(plain.pixels);
    expect((await picture({ prompt: 'a [dog:cat:99]' })).pixels).toEqual(plain.pixels);
    expect((await picture({ prompt: 'a [dog:cat:2]' })).pixels).not.toEqual(plain.pixels);
  });

  it('goes on in a second, larger run', async () => {
    const hires = { width: 96, height: 96, strength: 0.5 };
    const changed = await picture({ prompt: 'a [cat:dog:1.0]', hires });
    expect(changed.pixels).not.toEqual((await picture({ prompt: 'a cat', hires })).pixels);
    expect(changed.pixels).toEqual((await picture({ prompt: 'a [cat:dog:1.0]', hires })).pixels);
  });

  it('a prompt of 200 words is read to its end, beside a short negative one', async () => {
    const words = 'red boat sea night '.repeat(50);
    const { warnings } = await mesh.generate({ ...REQUEST, prompt: `${words} cat` });
    expect(warnings).toEqual([]);
    expect((await picture({ prompt: `${words} cat` })).pixels).not.toEqual(
      (await picture({ prompt: `${words} dog` })).pixels,
    );
  });

  it.each([
    ['10 000 tokens', { prompt: 'cat '.repeat(10_000) }, 'INVALID_REQUEST'],
    ['too many chunks', { prompt: '!,'.repeat(1900) }, 'INVALID_REQUEST'],
    ['AND', { prompt: 'a cat AND a dog' }, 'UNSUPPORTED_OPTION'],
    ['an unknown LoRA in a tag', { prompt: 'a <lora:nobody>' }, 'UNKNOWN_LORA'],
    ['a hypernetwork', { prompt: 'a <hypernet:ink>' }, 'UNSUPPORTED_OPTION'],
    ['an unknown schedule', { schedule: 'karas' }, 'UNSUPPORTED_OPTION'],
    ['a schedule for DDIM', { sampler: 'DDIM', schedule: 'karras' }, 'UNSUPPORTED_OPTION'],
    ['guidance that ends before it starts', { guidance_start: 0.8, guidance_end: 0.2 }, 'INVALID_REQUEST'],
  ])('%s is refused, and the mesh serves on', async (_, more: Partial<GenerateInput>, code) => {
    await expect(mesh.generate({ ...REQUEST, ...more })).rejects.toMatchObject({ code });
  });
});

describe('mesh — sampler, schedule, noise, guidance', () => {
  it('a schedule in the name is that of the field, and is told', async () => {
    const named = await picture({ sampler: 'DPM++ SDE Karras' });
    const fields = await picture({ sampler: 'k_dpmpp_sde', schedule: 'karras' });
    expect(named.pixels).toEqual(fields.pixels);
    expect(named.parameters).toContain('Sampler: DPM++ SDE, Schedule type: Karras');
  });

  it('Philox noise gives another picture, the same again, and is told', async () => {
    const philox = await picture({ rng: 'philox' });
    expect(philox.parameters).toContain('RNG: NV');
    expect(philox.pixels).toEqual((await picture({ rng: 'philox' })).pixels);
    expect(philox.pixels).not.toEqual((await picture({})).pixels);
  });

  it('guidance in no call is none at all', async () => {
    const limited = await picture({ guidance_start: 0.9, guidance_end: 0.95 });
    expect(limited.pixels).toEqual((await picture({ guidance_scale: 1, negative_prompt: '' })).pixels);
    expect(limited.parameters).toContain('Guidance interval: 0.9-0.95');
  });
});
