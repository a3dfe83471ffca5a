import { describe, expect, it } from 'vitest';
import { WorkerLink } from '#shared/session/worker-link.ts';

const DYING = new URL('./fixtures/dying-worker.ts', import.meta.url);

const link = (): WorkerLink => new WorkerLink('cpu', { provider: { name: 'cpu' }, threads: 1 }, DYING);

describe('worker link — a worker that ends by itself', () => {
  it.each([
    ['exits', 'probe' as const, {}, 'exit code 3'],
    ['throws', 'drop' as const, { slots: [] }, 'the ceiling fell down'],
  ])('fails what is pending and all that follows when it %s', async (_, operation, request, why) => {
    const lost = { code: 'DEVICE_UNAVAILABLE', message: expect.stringContaining(why) };
    const worker = link();
    await expect(worker.call(operation, request as never)).rejects.toMatchObject(lost);
    expect(worker.isLost).toBe(true);
    await expect(worker.call('probe', {})).rejects.toMatchObject(lost);
    await worker.exit();
  });
});
