import { describe, expect, it } from 'vitest';
import { drawInTerminal } from '#shared/image/terminal.ts';
import { tensor } from '#shared/tensor/tensor.ts';

describe('terminal — a picture in half blocks', () => {
  it('puts two rows of pixels in one line: the upper as text colour, the lower behind it', async () => {
    const picture = tensor('u8', [2, 1, 3], Uint8Array.of(255, 0, 0, 0, 0, 255));
    expect(await drawInTerminal(picture, 1)).toBe('\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m▀\x1b[0m');
  });

  it('keeps the proportions: a line is two pixels high', async () => {
    const lines = (await drawInTerminal(tensor('u8', [64, 128, 3], new Uint8Array(64 * 128 * 3)), 40)).split('\n');
    expect(lines).toHaveLength(10);
    expect(lines.every((line) => line.split('▀').length === 41)).toBe(true);
  });
});
