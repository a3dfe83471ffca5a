import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '#infra/is-alive.ts';
import { ServiceProcess } from '#infra/mesh/service-process.ts';
import type { MeshError } from '#shared/errors/errors.ts';

const SCRIPT = fileURLToPath(new URL('./fixtures/service.ts', import.meta.url));

interface Supervised {
  readonly service: ServiceProcess;
  /** Of every process that was started. */
  readonly pids: number[];
  readonly restarts: { cause: string; delayMs: number; livingPids: number[] }[];
  readonly lines: string[];
  /** Resolves with the process of that number, from 1. */
  spawned(count: number): Promise<number>;
  readonly givenUp: Promise<MeshError>;
}

function supervised(does: 'serve' | 'stubborn' | 'fatal' | 'crash'): Supervised {
  const pids: number[] = [];
  const restarts: Supervised['restarts'] = [];
  const lines: string[] = [];
  const waiting: (() => void)[] = [];
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<MeshError>();
  const service = new ServiceProcess({
    name: 'vae',
    script: SCRIPT,
    cwd: '.',
    env: { ...process.env, SERVICE_DOES: does, SERVICE_MARK: 'says' },
    logFile: 'vae.log',
    onLine: (line) => lines.push(line),
    onRestart: (cause, delayMs) => restarts.push({ cause, delayMs, livingPids: pids.filter(isAlive) }),
    onGivenUp: giveUp,
    onSpawn: (pid) => {
      pids.push(pid);
      for (const look of waiting) look();
    },
  });
  onTestFinished(() => service.kill());
  const spawned = (count: number): Promise<number> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (pids.length >= count) resolve(pids[count - 1]!);
      };
      waiting.push(look);
      look();
    });
  service.start();
  return { service, pids, restarts, lines, spawned, givenUp };
}

describe('service process — restarts', () => {
  it('S1: one that died is started again, when it is gone', async () => {
    const { service, spawned, restarts, pids } = supervised('serve');
    await service.ready;
    process.kill(await spawned(1), 'SIGKILL');
    await spawned(2);
    expect(restarts).toEqual([{ cause: 'ended by SIGKILL', delayMs: 0, livingPids: [] }]);
    await service.end(60_000);
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  it('S2: one that says why it cannot start is not started again', async () => {
    const { givenUp, pids, restarts } = supervised('fatal');
    expect(await givenUp).toMatchObject({ code: 'CONFIGURATION', message: 'no model' });
    expect([pids.length, restarts]).toEqual([1, []]);
  });

  it('the cause that is told is the error that ended it', async () => {
    const { spawned, restarts, lines } = supervised('crash');
    const first = await spawned(1);
    await spawned(2);
    expect(restarts[0]!.cause).toBe('TypeError: a bug');
    expect(lines).toContain(`says ${first}`);
  });
});

describe('service process — the end', () => {
  it('S3: nothing is started after it, not even what was about to be', async () => {
    const { service, spawned, pids } = supervised('crash');
    await spawned(2); // a third is about to be
    await service.end(60_000);
    await service.end(60_000);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('one that does not go is killed after its grace time', async () => {
    const { service, pids } = supervised('stubborn');
    await service.ready;
    await service.end(50);
    expect(pids.map(isAlive)).toEqual([false]);
  });

  it('S3: one that died just now is not waited for', async () => {
    const { service, spawned } = supervised('serve');
    await service.ready;
    const pid = await spawned(1);
    process.kill(pid, 'SIGKILL');
    while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
    await service.end(60_000);
  });
});
