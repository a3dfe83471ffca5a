import { describe, expect, it } from 'vitest';
import { failure } from '#test/contract/bus/harness.ts';
import { settle } from '#test/contract/bus/manual-clock.ts';
import { Outcomes } from '../../../services/gateway/outcomes.ts';
import { admitted } from './admitted.ts';
import { type JobDesk, jobDesk } from './job-desk.ts';

const JOB = admitted();

async function waitingDesk(): Promise<JobDesk & { outcomes: Outcomes }> {
  const desk = jobDesk({
    tell: (event) => {
      desk.events.push(event);
      outcomes.hear(event);
    },
  });
  const outcomes = new Outcomes(desk.jobs, desk.clock);
  await desk.jobs.submit(JOB, 'digest');
  return { ...desk, outcomes };
}

const patient = (): AbortSignal => new AbortController().signal;

describe('outcomes — waiting for a job', () => {
  it('wakes at the end of the job, all who wait', async () => {
    const { jobs, queue, outcomes, clock } = await waitingDesk();
    const waiting = [outcomes.wait('job-1', patient()), outcomes.wait('job-1', patient())];
    await settle();
    await jobs.run(queue[0]!, 1);
    expect((await Promise.all(waiting)).map(({ state }) => state)).toEqual(['done', 'done']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not wait for a job that is over', async () => {
    const { jobs, outcomes } = await waitingDesk();
    await jobs.cancel('job-1');
    expect((await outcomes.wait('job-1', patient())).state).toBe('cancelled');
  });

  it('sees the end although its event was lost', async () => {
    const desk = await waitingDesk();
    const waiting = desk.outcomes.wait('job-1', patient());
    await settle();
    await desk.newGateway({ tell: () => {} }).run(desk.queue[0]!, 1);
    await desk.clock.advance(2000);
    expect((await waiting).state).toBe('done');
  });

  it('an abort ends the waiting, not the job', async () => {
    const { jobs, outcomes, clock } = await waitingDesk();
    const caller = new AbortController();
    const waiting = failure(outcomes.wait('job-1', caller.signal));
    await settle();
    caller.abort();
    expect((await waiting).code).toBe('CANCELLED');
    expect((await jobs.get('job-1')).state).toBe('queued');
    expect(clock.pendingTimers).toBe(0);
  });

  it('a gateway that stops sends everyone away, now and later, with the id to ask for', async () => {
    const { jobs, outcomes } = await waitingDesk();
    const waiting = failure(outcomes.wait('job-1', patient()));
    await settle();
    outcomes.stop();
    expect(await waiting).toMatchObject({ code: 'DRAINING', details: { job: 'job-1' } });
    expect((await failure(outcomes.wait('job-1', patient()))).code).toBe('DRAINING');
    expect((await jobs.get('job-1')).state).toBe('queued');
  });

  it('leaves nothing behind when there is no such job', async () => {
    const { outcomes, clock } = await waitingDesk();
    expect((await failure(outcomes.wait('other', patient()))).code).toBe('UNKNOWN_JOB');
    expect(clock.pendingTimers).toBe(0);
  });
});
