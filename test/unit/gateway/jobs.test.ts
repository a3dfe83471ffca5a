import { describe, expect, it } from 'vitest';
import type { JobEvent } from '#shared/contracts/jobs.ts';
import { type ErrorCode, MeshError } from '#shared/errors/errors.ts';
import { aborted, failure, gate } from '#test/contract/bus/harness.ts';
import { settle } from '#test/contract/bus/manual-clock.ts';
import type { JobsParts } from '../../../services/gateway/jobs.ts';
import { admitted, result } from './admitted.ts';
import { jobDesk } from './job-desk.ts';

const JOB = admitted();

/** Work that ends when told, or by its signal. */
function slowWork(): { work: JobsParts['work']; started: Promise<void>; finish: () => void; runs: () => number } {
  const [started, finish] = [gate(), gate()];
  let runs = 0;
  const work: JobsParts['work'] = async (job, signal) => {
    runs++;
    started.open();
    await Promise.race([finish.opened, aborted(signal)]);
    return result(job.job);
  };
  return { work, started: started.opened, finish: finish.open, runs: () => runs };
}

function failing(code: ErrorCode, details = {}): JobsParts['work'] {
  return async () => {
    throw new MeshError(code, 'as told', details);
  };
}

function types(events: readonly JobEvent[]): string[] {
  return events.map((event) => event.type);
}

describe('jobs — a job from end to end', () => {
  it('J1: the record is there before the queue has the job', async () => {
    const seen: (string | undefined)[] = [];
    const desk = jobDesk({ enqueue: async (id) => void seen.push((await desk.store.get(id))?.record.state) });
    await desk.jobs.submit(JOB, 'digest');
    expect(seen).toEqual(['queued']);
  });

  it('runs, ends in its record, and answers whoever waits', async () => {
    const { jobs, queue, events, answers } = jobDesk();
    await jobs.submit(JOB, 'digest', 'inbox.1');
    await jobs.run(queue[0]!, 1);
    expect(await jobs.get('job-1')).toMatchObject({
      state: 'done',
      result: result('job-1'),
      created_unix_ms: JOB.accepted_unix_ms,
      started_unix_ms: expect.any(Number),
      finished_unix_ms: expect.any(Number),
    });
    expect(types(events)).toEqual(['queued', 'started', 'done']);
    expect(answers).toEqual(['inbox.1 done']);
    expect(jobs.load).toBe(0);
  });

  it('J3: the outcome is in the record before anyone hears of it, and the run resolves after that', async () => {
    const order: string[] = [];
    const desk = jobDesk({
      tell: ({ type }) => {
        if (type === 'done') order.push('told');
      },
      answer: async (_, record) => {
        order.push(`answered from a record that is ${record.state}`);
        order.push(`record is ${(await desk.jobs.get('job-1')).state}`);
      },
    });
    await desk.jobs.submit(JOB, 'digest', 'inbox.1');
    await desk.jobs.run(desk.queue[0]!, 1);
    order.push('the queue forgets it');
    expect(order).toEqual(['told', 'answered from a record that is done', 'record is done', 'the queue forgets it']);
  });

  it('a job that fails tells the error, with its details', async () => {
    const { jobs, queue, events, answers } = jobDesk({ work: failing('LORA_MISMATCH', { lora: 'style' }) });
    await jobs.submit(JOB, 'digest', 'inbox.1');
    await jobs.run(queue[0]!, 1);
    const error = { code: 'LORA_MISMATCH', message: 'as told', details: { lora: 'style' } };
    expect(await jobs.get('job-1')).toMatchObject({ state: 'failed', error });
    expect(events.at(-1)).toEqual({ type: 'failed', job: 'job-1', error });
    expect(answers).toEqual(['inbox.1 failed']);
  });

  it('a job that is asked for and never was is UNKNOWN_JOB', async () => {
    const { jobs } = jobDesk();
    expect((await failure(jobs.get('job-1'))).code).toBe('UNKNOWN_JOB');
    expect((await failure(jobs.cancel('job-1'))).code).toBe('UNKNOWN_JOB');
  });

  it('the work is aborted when the deadline has passed without its noticing', async () => {
    const { work, started } = slowWork();
    const { jobs, queue, clock } = jobDesk({ work });
    const deadline_unix_ms = clock.now() + 60_000;
    await jobs.submit(admitted({ deadline_unix_ms }), 'digest');
    const run = jobs.run(queue[0]!, 1);
    await started;
    await clock.advance(61_000);
    await run;
    expect(await jobs.get('job-1')).toMatchObject({ state: 'failed', error: { code: 'DEADLINE_EXCEEDED' } });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('jobs — what comes again', () => {
  it('J2: a job that is done is not run again, only answered again', async () => {
    const { work, finish, runs } = slowWork();
    finish();
    const { jobs, queue, events, answers } = jobDesk({ work });
    await jobs.submit(JOB, 'digest', 'inbox.1');
    await jobs.run(queue[0]!, 1);
    await jobs.run(queue[0]!, 2);
    expect(runs()).toBe(1);
    expect(answers).toEqual(['inbox.1 done', 'inbox.1 done']);
    expect(types(events)).toEqual(['queued', 'started', 'done']);
  });

  it('a job whose gateway was lost runs again on another', async () => {
    const { work, started } = slowWork();
    const desk = jobDesk({ work });
    await desk.jobs.submit(JOB, 'digest', 'inbox.1');
    void desk.jobs.run(desk.queue[0]!, 1); // never ends: its process is gone
    await started;
    const other = desk.newGateway({ work: async (job) => result(job.job) });
    await other.run(desk.queue[0]!, 2);
    expect((await other.get('job-1')).state).toBe('done');
    expect(desk.answers).toEqual(['inbox.1 done']);
  });

  it('J2: of two gateways that work on a job at once, one gives the outcome', async () => {
    const slow = slowWork();
    const desk = jobDesk({ work: slow.work });
    await desk.jobs.submit(JOB, 'digest', 'inbox.1');
    const first = desk.jobs.run(desk.queue[0]!, 1);
    await slow.started;
    await desk.newGateway({ work: failing('OUT_OF_MEMORY') }).run(desk.queue[0]!, 2);
    slow.finish();
    await first;
    expect((await desk.jobs.get('job-1')).state).toBe('failed');
    expect(desk.answers).toEqual(['inbox.1 failed']);
    expect(types(desk.events).filter((type) => type === 'done')).toEqual([]);
  });

  it('a job that comes again while it runs here is the same run', async () => {
    const { work, started, finish, runs } = slowWork();
    const { jobs, queue, answers } = jobDesk({ work });
    await jobs.submit(JOB, 'digest', 'inbox.1');
    const first = jobs.run(queue[0]!, 1);
    await started;
    const again = jobs.run(queue[0]!, 2);
    finish();
    await Promise.all([first, again]);
    expect(runs()).toBe(1);
    expect(answers).toEqual(['inbox.1 done']);
  });

  it('one that five gateways were lost under fails', async () => {
    const { work, runs } = slowWork();
    const { jobs, queue, answers } = jobDesk({ work });
    await jobs.submit(JOB, 'digest', 'inbox.1');
    await jobs.run(queue[0]!, 6);
    expect(await jobs.get('job-1')).toMatchObject({ state: 'failed', error: { code: 'ACTOR_LOST' } });
    expect(runs()).toBe(0);
    expect(answers).toEqual(['inbox.1 failed']);
  });

  it('one whose record has aged out is forgotten', async () => {
    const { work, runs } = slowWork();
    const { jobs, queue, store } = jobDesk({ work });
    await jobs.submit(JOB, 'digest');
    store.age('job-1');
    await jobs.run(queue[0]!, 1);
    expect(runs()).toBe(0);
  });

  it('one that an older gateway accepted and nobody can read any more fails', async () => {
    const { jobs, answers } = jobDesk();
    await jobs.submit(JOB, 'digest', 'inbox.1');
    await jobs.run({ id: 'job-1', body: { job: 'job-1', prompt: 'of another time' } }, 1);
    expect(await jobs.get('job-1')).toMatchObject({ state: 'failed', error: { code: 'INTERNAL' } });
    expect(answers).toEqual(['inbox.1 failed']);
  });

  it.each<ErrorCode>(['DRAINING', 'BUS_UNAVAILABLE'])('%s is not the end: the job stays in the queue', async (code) => {
    const { jobs, queue, answers } = jobDesk({ work: failing(code) });
    await jobs.submit(JOB, 'digest', 'inbox.1');
    expect((await failure(jobs.run(queue[0]!, 1))).code).toBe(code);
    expect((await jobs.get('job-1')).state).toBe('running');
    expect([answers, jobs.load]).toEqual([[], 0]);
  });

  it('a gateway that is stopped gives its jobs back to the queue', async () => {
    const { work, started } = slowWork();
    const { jobs, queue } = jobDesk({ work });
    await jobs.submit(JOB, 'digest');
    const run = failure(jobs.run(queue[0]!, 1));
    await started;
    jobs.stop();
    expect((await run).code).toBe('DRAINING');
  });
});

describe('jobs — cancelling', () => {
  it('J2: one that is queued never runs', async () => {
    const { work, runs } = slowWork();
    const { jobs, queue, events, answers } = jobDesk({ work });
    await jobs.submit(JOB, 'digest', 'inbox.1');
    expect(await jobs.cancel('job-1')).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    await jobs.run(queue[0]!, 1);
    expect(runs()).toBe(0);
    expect(types(events)).toEqual(['queued', 'cancelled']);
    expect(answers[0]).toBe('inbox.1 cancelled');
  });

  it('J2: one that is cancelled between queue and work never runs', async () => {
    const { work, runs } = slowWork();
    const desk = jobDesk({ work });
    await desk.jobs.submit(JOB, 'digest');
    const taken = desk.jobs.run(desk.queue[0]!, 1); // has read the record, has not begun
    await desk.newGateway().cancel('job-1');
    await taken;
    expect(runs()).toBe(0);
    expect((await desk.jobs.get('job-1')).state).toBe('cancelled');
  });

  it('one that runs here stops', async () => {
    const { work, started } = slowWork();
    const { jobs, queue, answers } = jobDesk({ work });
    await jobs.submit(JOB, 'digest', 'inbox.1');
    const run = jobs.run(queue[0]!, 1);
    await started;
    await jobs.cancel('job-1');
    await run;
    expect((await jobs.get('job-1')).state).toBe('cancelled');
    expect(answers).toEqual(['inbox.1 cancelled']);
  });

  it('one that runs elsewhere stops when its gateway hears of it', async () => {
    const { work, started } = slowWork();
    const desk = jobDesk({ work });
    await desk.jobs.submit(JOB, 'digest');
    const run = desk.jobs.run(desk.queue[0]!, 1);
    await started;
    await desk.newGateway().cancel('job-1');
    desk.jobs.abort('job-1');
    await run;
    expect((await desk.jobs.get('job-1')).state).toBe('cancelled');
    expect(types(desk.events)).toEqual(['queued', 'started', 'cancelled']);
  });

  it('J2: one that is over stays as it is', async () => {
    const { jobs, queue, events } = jobDesk();
    await jobs.submit(JOB, 'digest');
    await jobs.run(queue[0]!, 1);
    expect((await jobs.cancel('job-1')).state).toBe('done');
    expect(types(events)).not.toContain('cancelled');
  });
});

describe('jobs — the same id again', () => {
  it('J4: the same request joins the job, and every caller is answered', async () => {
    const { jobs, queue, answers } = jobDesk();
    await jobs.submit(JOB, 'digest', 'inbox.1');
    await jobs.submit(JOB, 'digest', 'inbox.2');
    await jobs.run(queue[0]!, 1);
    expect(answers).toEqual(['inbox.1 done', 'inbox.2 done']);
    await jobs.submit(JOB, 'digest', 'inbox.3');
    expect(answers.at(-1)).toBe('inbox.3 done');
  });

  it('J4: another request under the id is JOB_CONFLICT, in every state', async () => {
    const { jobs, queue } = jobDesk();
    await jobs.submit(JOB, 'digest');
    expect((await failure(jobs.submit(JOB, 'another'))).code).toBe('JOB_CONFLICT');
    await jobs.run(queue[0]!, 1);
    expect((await failure(jobs.submit(JOB, 'another'))).code).toBe('JOB_CONFLICT');
    expect((await jobs.get('job-1')).state).toBe('done');
  });

  it('J1: a job whose gateway was lost between record and queue is queued by the next who sends it', async () => {
    const { promise: never } = Promise.withResolvers<void>();
    const desk = jobDesk();
    void desk.newGateway({ enqueue: () => never }).submit(JOB, 'digest');
    await settle();
    expect(desk.queue).toEqual([]);
    await desk.jobs.submit(JOB, 'digest');
    expect(desk.queue).toHaveLength(1);
  });

  it('J4: callers who join at the same moment are all in the record', async () => {
    const desk = jobDesk();
    const inboxes = Array.from({ length: 10 }, (_, i) => `inbox.${i}`);
    await Promise.all(inboxes.map((inbox) => desk.newGateway().submit(JOB, 'digest', inbox)));
    expect((await desk.jobs.get('job-1')).reply_to.toSorted()).toEqual(inboxes);
  });

  it('a job that a full queue refused may come again', async () => {
    let isFull = true;
    const desk = jobDesk({
      enqueue: async (id, body) => {
        if (isFull) throw new MeshError('QUEUE_FULL', 'JetStream takes no more.');
        desk.queue.push({ id, body });
      },
    });
    expect((await failure(desk.jobs.submit(JOB, 'digest', 'inbox.1'))).code).toBe('QUEUE_FULL');
    expect(await desk.jobs.get('job-1')).toMatchObject({ state: 'failed', error: { code: 'QUEUE_FULL' } });
    expect(desk.answers).toEqual([]); // its caller has the error already
    isFull = false;
    await desk.jobs.submit(JOB, 'digest', 'inbox.2');
    await desk.jobs.run(desk.queue[0]!, 1);
    expect(desk.answers).toEqual(['inbox.2 done']);
  });

  it('a queue that is full for one who joins does not fail the job that waits', async () => {
    const desk = jobDesk();
    await desk.jobs.submit(JOB, 'digest', 'inbox.1');
    const full = desk.newGateway({
      enqueue: async () => {
        throw new MeshError('QUEUE_FULL', 'JetStream takes no more.');
      },
    });
    expect((await failure(full.submit(JOB, 'digest', 'inbox.2'))).code).toBe('QUEUE_FULL');
    expect((await desk.jobs.get('job-1')).state).toBe('queued');
  });

  it('a queue that does not answer may have the job all the same: it is not failed', async () => {
    const { jobs } = jobDesk({
      enqueue: async () => {
        throw new MeshError('BUS_UNAVAILABLE', 'JetStream does not answer.');
      },
    });
    expect((await failure(jobs.submit(JOB, 'digest'))).code).toBe('BUS_UNAVAILABLE');
    expect((await jobs.get('job-1')).state).toBe('queued');
  });
});

describe('jobs — letters of the dead', () => {
  it('J5: one that ends by the mesh’s fault leaves its reason and its request, after the outcome', async () => {
    const { jobs, queue, letters } = jobDesk({ work: failing('OUT_OF_MEMORY', { sizeBytes: 1 }) });
    await jobs.submit(JOB, 'digest');
    await jobs.run(queue[0]!, 2);
    const reason = { code: 'OUT_OF_MEMORY', message: 'as told', details: { sizeBytes: 1 } };
    expect(letters).toEqual([
      expect.objectContaining({ job: 'job-1', ...reason, deliveries: 2, instance: 'gateway-1', request: JOB }),
    ]);
  });

  it('one that takes its gateway down every time, and one that cannot be read, leave letters', async () => {
    const { jobs, queue, letters } = jobDesk();
    await jobs.submit(JOB, 'digest');
    await jobs.run(queue[0]!, 6);
    const next = admitted({ job: 'job-2' });
    await jobs.submit(next, 'digest');
    await jobs.run({ id: 'job-2', body: { job: 'job-2' } }, 1);
    expect(letters.map(({ job, code }) => [job, code])).toEqual([
      ['job-1', 'ACTOR_LOST'],
      ['job-2', 'INTERNAL'],
    ]);
  });

  it.each<ErrorCode>(['LORA_MISMATCH', 'DEADLINE_EXCEEDED', 'CANCELLED'])('%s leaves none', async (code) => {
    const { jobs, queue, letters } = jobDesk({ work: failing(code) });
    await jobs.submit(JOB, 'digest');
    await jobs.run(queue[0]!, 1);
    expect(letters).toEqual([]);
  });
});
