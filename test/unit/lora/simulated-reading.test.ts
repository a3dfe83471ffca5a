import { describe, expect, it } from 'vitest';
import { readProfile } from '#shared/config/simulation.ts';
import { VirtualClock } from '../../../loadtest/virtual-clock.ts';
import { SimulatedReading } from '../../../services/lora/simulated-reading.ts';

describe('lora — reading beside simulated devices', () => {
  it('takes a first time of its own for each file, the same in every process, then that of the page cache', async () => {
    const profile = readProfile('simulated:h800-sdxl');
    const readAll = async (): Promise<number[]> => {
      const clock = new VirtualClock();
      const reading = new SimulatedReading({ profile, timeScale: 1 }, clock);
      const times: number[] = [];
      for (const name of ['a', 'b', 'a']) {
        const startMs = clock.now();
        await clock.run(reading.read(name));
        times.push(clock.now() - startMs);
      }
      return times;
    };
    const [a, b, again] = await readAll();
    expect(a).not.toBe(b);
    expect(Math.min(a!, b!)).toBeGreaterThanOrEqual(profile.lora.read_ms);
    expect(again).toBe(profile.lora.read_ms);
    expect(await readAll()).toEqual([a, b, again]);
  });
});
