import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseControlNet, parseLora, parseLoraStart } from '../../../services/cli/units.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const folder = await temporaryFolder();

describe('--controlnet', () => {
  it.each([
    ['canny:a.png', { imageFile: 'a.png', scale: 1, start: 0, end: 1 }],
    ['canny:a.png@0.8', { imageFile: 'a.png', scale: 0.8, start: 0, end: 1 }],
    ['canny:a.png@.5:0.1-0.6', { imageFile: 'a.png', scale: 0.5, start: 0.1, end: 0.6 }],
    ['canny:b:2/me@home.png', { imageFile: 'b:2/me@home.png', scale: 1, start: 0, end: 1 }],
    ['canny:icon@2@1', { imageFile: 'icon@2', scale: 1, start: 0, end: 1 }],
  ])('reads %s', (text, unit) => {
    expect(parseControlNet(text)).toEqual({ controlnet: 'canny', ...unit });
  });

  it.each(['canny', ':a.png', 'canny:', '@0.5'])('refuses "%s" with an example of how to write it', (text) => {
    expect(() => parseControlNet(text)).toThrow('canny:sketch.png@0.8:0-0.6');
  });
});

describe('--lora', () => {
  it.each([
    ['ink', { lora: 'ink', weight: 1 }],
    ['ink@0.7', { lora: 'ink', weight: 0.7 }],
    ['ink@-1', { lora: 'ink', weight: -1 }],
    ['ink@0.5:1', { lora: 'ink', weight: 0.5, unet_weight: 1 }],
    ['me@0.5:-.2', { lora: 'me', weight: 0.5, unet_weight: -0.2 }],
    ['me@home', { lora: 'me@home', weight: 1 }],
  ])('reads %s', (text, unit) => {
    expect(parseLora(text)).toEqual(unit);
  });

  it('makes the path of a file absolute, and leaves a name as it is', async () => {
    const file = join(folder, 'ink.safetensors');
    await writeFile(file, '');
    const { pathname } = new URL(`file://${file}`);
    expect(parseLora(`${join(folder, '.', 'x', '..')}/ink.safetensors@2`)).toEqual({ lora: pathname, weight: 2 });
    expect(parseLora('someone/ink').lora).toBe('someone/ink');
  });
});

describe('--lora-start', () => {
  it.each([
    ['exact', 'exact'],
    ['at:5', { at_step: 5 }],
    ['max:10', { max_steps: 10 }],
  ])('reads %s', (text, start) => {
    expect(parseLoraStart(text)).toEqual(start);
  });

  it.each(['', 'at', 'at:', 'at:x', 'max:-1', 'max:1.5', 'exact:1'])('refuses "%s" with an example', (text) => {
    expect(() => parseLoraStart(text)).toThrow('at:5');
  });
});
