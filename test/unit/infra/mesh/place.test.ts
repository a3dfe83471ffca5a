import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '#infra/is-alive.ts';
import { Place } from '#infra/mesh/place.ts';
import { ServiceProcess } from '#infra/mesh/service-process.ts';
import type { MeshError } from '#shared/errors/errors.ts';
import { failure } from '#test/contract/bus/harness.ts';

const SCRIPT = fileURLToPath(new URL('./fixtures/service.ts', import.meta.url));

/** A place whose processes do this, one after the other; what became of the former ones is told with each newcomer. */
async function filled(does: readonly string[], { hasAddress = false } = {}) {
  const pids: number[] = [];
  const failures: MeshError[] = [];
  const place = new Place({
    name: 'vae',
    hasAddress,
    fail: (error) => failures.push(error),
    make: (generation, onGivenUp) =>
      new ServiceProcess({
        name: 'vae',
        script: SCRIPT,
        cwd: '.',
        env: { ...process.env, SERVICE_DOES: does[generation], SERVICE_MARK: 'says' },
        logFile: 'vae.log',
        onLine: () => {},
        onRestart: () => {},
        onGivenUp,
        onSpawn: (pid) => pids.push(pid),
      }),
  });
  onTestFinished(() => place.kill());
  place.process.start();
  await place.process.ready;
  return { place, pids, failures };
}

describe('place — a process is replaced', () => {
  it('P1: the newcomer is ready before the former ends', async () => {
    const { place, pids } = await filled(['stubborn', 'serve']);
    const former = place.process;
    let wasFormerAlive: boolean | undefined;
    const end = former.end.bind(former);
    former.end = (graceMs) => {
      wasFormerAlive ??= isAlive(pids[0]!) && place.process !== former && place.process.isReady;
      return end(graceMs);
    };
    await place.replace(50);
    expect(wasFormerAlive).toBe(true);
    expect(pids.map(isAlive)).toEqual([false, true]);
  });

  it('P2: the former stays where the newcomer cannot start, and a later one may', async () => {
    const { place, pids, failures } = await filled(['serve', 'fatal', 'serve']);
    expect(await failure(place.replace(50))).toMatchObject({ code: 'CONFIGURATION', message: 'no model' });
    expect(isAlive(pids[0]!)).toBe(true);
    await place.replace(60_000);
    expect(pids.map(isAlive)).toEqual([false, false, true]);
    expect(failures).toEqual([]);
  });

  it('P1: a newcomer that needs the address of the former is started again when that is gone', async () => {
    const { place, pids, failures } = await filled(['serve', 'fatal', 'serve'], { hasAddress: true });
    await place.replace(60_000);
    expect(pids.map(isAlive)).toEqual([false, false, true]);
    expect(failures).toEqual([]);
  });

  it('P2: a gateway that cannot start twice fails the mesh', async () => {
    const { place, failures } = await filled(['serve', 'fatal', 'fatal'], { hasAddress: true });
    await place.replace(60_000);
    expect(failures).toMatchObject([{ code: 'CONFIGURATION' }]);
  });

  it('P3: nothing is started after the end', async () => {
    const { place, pids } = await filled(['serve', 'serve']);
    await place.end(60_000);
    expect(await failure(place.replace(50))).toMatchObject({ code: 'DRAINING' });
    expect(pids.map(isAlive)).toEqual([false]);
  });
});
