import { describe, expect, it } from 'vitest';
import { parseMeshOptions } from '#infra/mesh/options.ts';

describe('mesh options', () => {
  it('resolves folders from where the command was given', () => {
    expect(
      parseMeshOptions(['--model', 'sd15', '--loras', '/data/loras', '--loras', 'mine'], '/home/ada'),
    ).toMatchObject({
      model: '/home/ada/sd15',
      loras: ['/data/loras', '/home/ada/mine'],
    });
  });

  it('starts one process of each role unless told otherwise', () => {
    expect(parseMeshOptions(['--replicas', 'denoiser=2'], '/')).toMatchObject({
      replicas: { gateway: 1, 'text-encoder': 1, controlnet: 1, denoiser: 2, lora: 1, vae: 1 },
    });
  });

  it.each([
    [['--port', 'http'], '--port http is not a port'],
    [['--nats-port', '65536'], '--nats-port 65536 is not a port'],
    [['--replicas', 'unet=2'], '--replicas unet=2 is not understood'],
    [['--replicas', 'vae=0'], '--replicas vae=0 is not understood'],
    [['--modle', 'x'], "Unknown option '--modle'"],
  ])('refuses %j and says why', (args, why) => {
    expect(() => parseMeshOptions(args, '/')).toThrow(why);
  });

  it('knows when help is wanted', () => {
    expect(parseMeshOptions(['--help'], '/')).toBe('help');
  });
});
