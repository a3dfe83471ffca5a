import { describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import { WorkQueue } from '#shared/session/work-queue.ts';

/** A task that notes its start and ends when it is told to. */
function gated(started: string[], name: string): { task: () => Promise<string>; open: () => void } {
  const gate = Promise.withResolvers<string>();
  const task = (): Promise<string> => {
    started.push(name);
    return gate.promise;
  };
  return { task, open: () => gate.resolve(name) };
}

const note = (started: string[], name: string) => async (): Promise<void> => {
  started.push(name);
};

describe('work queue — order', () => {
  it('Q1 does one task at a time, in order of arrival', async () => {
    const queue = new WorkQueue();
    const started: string[] = [];
    const first = gated(started, 'first');
    const results = [queue.add(first.task), queue.add(note(started, 'second'))];
    await Promise.resolve();
    await Promise.resolve();
    expect(started).toEqual(['first']);
    first.open();
    await Promise.all(results);
    expect(started).toEqual(['first', 'second']);
  });

  it('Q2 passes on what a task throws and goes on', async () => {
    const queue = new WorkQueue();
    const failing = queue.add(() => Promise.reject(new Error('no')));
    const next = queue.add(async () => 'yes');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});

describe('work queue — cancelling and closing', () => {
  it('Q2 takes a waiting task out', async () => {
    const queue = new WorkQueue();
    const started: string[] = [];
    const first = gated(started, 'first');
    const running = queue.add(first.task);
    const controller = new AbortController();
    const waiting = queue.add(note(started, 'second'), { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    first.open();
    await running;
    await queue.add(note(started, 'third'));
    expect(started).toEqual(['first', 'third']);
  });

  it('Q3 fails a started task for its caller, and starts no other before it has ended', async () => {
    const queue = new WorkQueue();
    const started: string[] = [];
    const first = gated(started, 'first');
    const controller = new AbortController();
    const running = queue.add(
      async () => {
        controller.abort();
        return first.task();
      },
      { signal: controller.signal },
    );
    const next = queue.add(note(started, 'second'));
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(started).toEqual(['first']);
    first.open();
    await next;
    expect(started).toEqual(['first', 'second']);
  });

  it('Q2 closes after the running task and refuses the rest with the reason', async () => {
    const queue = new WorkQueue();
    const started: string[] = [];
    const first = gated(started, 'first');
    const second = Promise.withResolvers<void>();
    const running = queue.add(() => {
      second.resolve();
      return first.task();
    });
    const refused = [queue.add(note(started, 'a')), queue.add(note(started, 'b'))];
    await second.promise;
    const closed = queue.close(new MeshError('DRAINING', 'Closed.')).then(() => started.push('closed'));
    for (const waiting of refused) await expect(waiting).rejects.toMatchObject({ code: 'DRAINING' });
    await expect(queue.add(note(started, 'c'))).rejects.toMatchObject({ code: 'DRAINING' });
    expect(started).toEqual(['first']);
    first.open();
    await closed;
    expect(await running).toBe('first');
    expect(started).toEqual(['first', 'closed']);
  });
});
