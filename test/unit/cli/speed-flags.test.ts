import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addSpeedOptions, type SpeedFlags, speedFields } from '../../../services/cli/speed-flags.ts';

function fieldsOf(...args: string[]) {
  const command = addSpeedOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return speedFields(command.parse(args, { from: 'user' }).opts<SpeedFlags>());
}

describe('cli — the flags that change the picture for speed', () => {
  it.each([
    ['3', { cache_interval: 3 }],
    ['4:1', { cache_interval: 4, cache_branch_id: 1 }],
    ['3:0:0.2-1', { cache_interval: 3, cache_branch_id: 0, cache_start: 0.2, cache_end: 1 }],
  ])('--deep-cache %s', (text, deep_cache) => {
    expect(fieldsOf('--deep-cache', text).deep_cache).toEqual(deep_cache);
  });

  it('--controlnet-every and --preset', () => {
    expect(fieldsOf('--controlnet-every', '2', '--preset', 'fast')).toEqual({ preset: 'fast', controlnet_every: 2 });
  });

  it.each(['', 'x', '3:', '3:0:0.2'])('--deep-cache %j is refused', (text) => {
    expect(() => fieldsOf('--deep-cache', text)).toThrow(/interval/);
  });
});
