import { describe, expect, it } from 'vitest';
import { statusText } from '../../../services/cli/status-text.ts';

const NOW_UNIX_MS = 1_000_000_000;

describe('status', () => {
  it('is a table of the instances below what the mesh offers', () => {
    const instance = {
      device: 'cpu',
      model: 'pocket',
      slot: '',
      capacity: 4,
      leaving: false,
      rss_bytes: 300 * 2 ** 20,
    };
    const text = statusText(
      {
        model: 'pocket',
        version: '0.1.0',
        samplers: ['Euler'],
        schedules: ['karras'],
        controlnets: ['canny'],
        loras: [],
        instances: [
          { ...instance, role: 'vae', instance: 'v1', load: 0, holds: [], started_unix_ms: NOW_UNIX_MS - 5_000 },
          {
            ...instance,
            role: 'denoiser',
            instance: 'd1',
            load: 2,
            holds: ['ink@1', 'canny'],
            resident_bytes: 12 * 2 ** 20,
            budget_bytes: 64 * 2 ** 20,
            started_unix_ms: NOW_UNIX_MS - 600_000,
          },
        ],
      },
      NOW_UNIX_MS,
    );
    expect(text.split('\n')).toEqual([
      'latentmesh 0.1.0, model pocket',
      'controlnets: canny',
      '',
      'ROLE      INSTANCE  DEVICE  LOAD  UP      MEMORY  ADAPTERS        HOLDS',
      'vae       v1        cpu     0/4   5 s     300 MB',
      'denoiser  d1        cpu     2/4   10 min  300 MB  12 MB of 64 MB  ink@1, canny',
    ]);
  });
});
