import { describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import { gate as doorToOpen } from '#test/contract/bus/harness.ts';
import { ManualClock } from '#test/contract/bus/manual-clock.ts';
import { QueueGate } from '../../../services/gateway/queue-gate.ts';

const full = new MeshError('QUEUE_FULL', 'no place');
const code = async (attempt: Promise<unknown>): Promise<string> => attempt.then(String, (error) => error.code);

/** A queue of two places, with as many jobs in it as the test says. */
function gateBefore({ known = [] as string[] } = {}) {
  const queue = { depth: 0, looks: 0 };
  const clock = new ManualClock();
  const depth = async (): Promise<number> => {
    queue.looks++;
    return queue.depth;
  };
  const isKnown = async (job: string): Promise<boolean> => known.includes(job);
  const gate = new QueueGate({ queue: { depth }, jobs: { isKnown }, maxJobs: 2, clock });
  /** Fills the queue, and lets it say so. */
  const fill = async (): Promise<void> => {
    queue.depth = 2;
    await code(gate.pass(undefined, () => Promise.reject(full)));
  };
  return { gate, queue, clock, fill };
}

describe('queue gate — a full queue', () => {
  it('is not asked while it has refused nobody', async () => {
    const { gate, queue } = gateBefore();
    queue.depth = 2;
    expect(await gate.pass('job', async () => 'accepted')).toBe('accepted');
    expect(queue.looks).toBe(0);
  });

  it('refuses before anything is done for the job, and takes jobs again once it has room', async () => {
    const { gate, queue, fill } = gateBefore();
    await fill();
    let done = 0;
    const accept = async (): Promise<number> => ++done;
    expect(await code(gate.pass('job', accept))).toBe('QUEUE_FULL');
    expect(done).toBe(0);
    queue.depth = 1;
    expect(await gate.pass('job', accept)).toBe(1);
  });

  it('lets one in for one place, however many come at once, and asks once for all of them', async () => {
    const { gate, queue, fill } = gateBefore();
    await fill();
    queue.depth = 1;
    const queued = doorToOpen();
    const attempts = Array.from({ length: 9 }, () => code(gate.pass(undefined, () => queued.opened)));
    const refused = await Promise.all(attempts.slice(1));
    expect(refused).toEqual(Array.from({ length: 8 }, () => 'QUEUE_FULL'));
    queued.open();
    expect(await attempts[0]).toBe('undefined');
    expect(queue.looks).toBe(1);
  });

  it('lets a job pass that was accepted before, and no other name', async () => {
    const { gate, fill } = gateBefore({ known: ['mine'] });
    await fill();
    expect(await gate.pass('mine', async () => 'joined')).toBe('joined');
    for (const other of ['another', 'no.token', 7, undefined])
      expect(await code(gate.pass(other, async () => 'joined'))).toBe('QUEUE_FULL');
  });

  it('is asked for ten seconds after its last refusal', async () => {
    const { gate, queue, clock, fill } = gateBefore();
    await fill();
    await clock.advance(9999);
    expect(await code(gate.pass('job', async () => 'accepted'))).toBe('QUEUE_FULL');
    await clock.advance(10_000);
    expect(await gate.pass('job', async () => 'accepted')).toBe('accepted');
    expect(queue.looks).toBe(1);
  });

  it('counts a job whose check failed as no place taken', async () => {
    const { gate, queue, fill } = gateBefore();
    await fill();
    queue.depth = 1;
    const wrong = new MeshError('INVALID_REQUEST', 'wrong');
    expect(await code(gate.pass(undefined, () => Promise.reject(wrong)))).toBe('INVALID_REQUEST');
    expect(await gate.pass(undefined, async () => 'accepted')).toBe('accepted');
  });
});
