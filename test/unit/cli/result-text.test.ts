import { describe, expect, it } from 'vitest';
import { pictureLine, timeLine } from '../../../services/cli/result-text.ts';

describe('result of generate', () => {
  it('names the file with what is needed to make it again', () => {
    const image = { seed: 42, width: 512, height: 256, parameters: '' };
    expect(pictureLine({ path: 'out/boat.png', png: new Uint8Array(), image })).toBe('out/boat.png  seed 42  512×256');
  });

  it('says where the time went', () => {
    const timings = { queued_ms: 12, encode_ms: 51, denoise_ms: 2004, decode_ms: 180, total_ms: 2260 };
    const reply = { job: 'abc', trace_id: 'f00d', model: 'pocket', images: [], warnings: [], timings };
    expect(timeLine(reply)).toBe('2.26 s (queue 0.01, text 0.05, denoise 2.00, decode 0.18)');
  });
});
