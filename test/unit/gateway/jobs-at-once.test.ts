import { describe, expect, it } from 'vitest';
import type { Role } from '#shared/contracts/heartbeat.ts';
import { jobsAtOnce } from '../../../services/gateway/jobs-at-once.ts';

function mesh(counts: Partial<Record<Role, number>>, capacity = 2): { role: Role; capacity: number }[] {
  return Object.entries(counts).flatMap(([role, count]) =>
    Array.from({ length: count }, () => ({ role: role as Role, capacity })),
  );
}

describe('gateway — jobs at once', () => {
  it.each([
    [{ gateway: 1, denoiser: 1 }, 4],
    [{ gateway: 1, denoiser: 8 }, 18],
    [{ gateway: 2, denoiser: 8 }, 9],
    [{ gateway: 1 }, 4],
    [{}, 4],
  ])('%j: %i', (counts, expected) => {
    expect(jobsAtOnce(mesh(counts))).toBe(expected);
  });

  it('keeps denoisers busy that work on several', () => {
    expect(jobsAtOnce(mesh({ gateway: 1, denoiser: 2 }, 4))).toBe(10);
  });
});
