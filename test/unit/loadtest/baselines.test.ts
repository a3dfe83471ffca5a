import { describe, expect, it } from 'vitest';
import { readProfile } from '#shared/config/simulation.ts';
import { AsDiffusers } from '../../../loadtest/systems/as-diffusers.ts';
import { AsKatz, KATZ_BOUND } from '../../../loadtest/systems/as-katz.ts';
import type { ServingSystem } from '../../../loadtest/systems/system.ts';
import { VirtualClock } from '../../../loadtest/virtual-clock.ts';
import { fixedPicture, parseKind } from '../../../loadtest/workload/fixed-picture.ts';

const STEPS = 50;
const WITH_TAIL = readProfile('simulated:h800-sdxl');
const { first_read: _, ...warmLora } = WITH_TAIL.lora;
const profile = { ...WITH_TAIL, lora: warmLora };

/** Latencies of pictures one after the other, s. */
async function latencies(clock: VirtualClock, system: ServingSystem, kind: string, count = 1): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = clock.now();
    await clock.run(system.serve(fixedPicture(parseKind(kind), i)));
    seen.push((clock.now() - startMs) / 1000);
  }
  return seen;
}

const diffusers = (clock: VirtualClock) => new AsDiffusers({ profile, clock, instances: 1, steps: STEPS });
const katz = (clock: VirtualClock, used = profile) =>
  new AsKatz({ profile: used, clock, instances: 1, steps: STEPS, controlnetSlots: 3, bound: KATZ_BOUND });

describe('load test — baselines', () => {
  it.each([
    ['0C0L', 2.88],
    ['1C0L', 4.54],
    ['0C1L', 6.19],
    ['1C1L', 7.57],
    ['3C0L', 7.93],
    ['2C2L', 13.92],
    ['3C2L', 15.62],
  ])('as-diffusers takes for %s what was published, %d s, within 10 %%', async (kind, publishedS) => {
    const clock = new VirtualClock();
    const [latency] = await latencies(clock, diffusers(clock), kind);
    expect(Math.abs(latency! / publishedS - 1)).toBeLessThan(0.1);
  });

  it.each([
    ['0C0L', 1.71],
    ['1C0L', 1.74],
    ['0C1L', 1.84],
    ['1C1L', 1.89],
    ['3C0L', 1.8],
    ['2C2L', 2.0],
    ['3C2L', 2.03],
  ])('as-katz takes for %s what was published, %d s, within 10 %%', async (kind, publishedS) => {
    const clock = new VirtualClock();
    const [latency] = await latencies(clock, katz(clock), kind);
    expect(Math.abs(latency! / publishedS - 1)).toBeLessThan(0.1);
  });

  it('as-katz makes the next picture wait until the last LoRAs are out', async () => {
    const clock = new VirtualClock();
    const [first, second] = await latencies(clock, katz(clock), '0C1L', 2);
    expect(second! - first!).toBeCloseTo(0.5, 6);
  });

  it('as-katz waits at its bound for a LoRA that is read too slowly', async () => {
    const clock = new VirtualClock();
    const slow = { ...profile, lora: { ...profile.lora, read_ms: 3000 } };
    const [waits] = await latencies(clock, katz(clock, slow), '0C1L');
    const [plain] = await latencies(clock, katz(clock, slow), '0C0L');
    // 3 s less the time until the bound's step, then the patch.
    const untilBoundS = (2 * 10 + KATZ_BOUND * (13.7 + 17.7)) / 1000;
    expect(waits! - plain!).toBeCloseTo(3 - untilBoundS + 0.09, 3);
  });

  it('both keep count of what their devices did', async () => {
    const clock = new VirtualClock();
    const system = katz(clock);
    await latencies(clock, system, '1C0L');
    const { base, controlnet } = system.usage();
    expect([base.devices, controlnet.devices, Math.round(controlnet.busyMs)]).toEqual([2, 6, 2 * STEPS * 13.6]);
  });
});
