/** `latentmesh restart`: every service of this machine's mesh anew, one after the other, without a failed job. */
import { setTimeout as delay } from 'node:timers/promises';
import { readLiveState, stateFolder } from '#infra/mesh/state-file.ts';
import { MeshError } from '#shared/errors/errors.ts';

const POLL_MS = 100;

/** Resolves when all are new. @throws MeshError BUS_UNAVAILABLE when no mesh runs, or it ended meanwhile; why a newcomer could not start */
export async function restart({ json }: { readonly json?: boolean }): Promise<void> {
  const folder = stateFolder();
  const before = await readLiveState(folder);
  if (!before?.readyUnixMs) throw new MeshError('BUS_UNAVAILABLE', 'No mesh runs here, or it is still starting.');
  const startedMs = performance.now();
  process.kill(before.pid, 'SIGUSR2');
  const services = await untilRestarted(folder, before.restart?.endedUnixMs ?? 0);
  const tookMs = Math.round(performance.now() - startedMs);
  const text = `${services} processes were replaced in ${(tookMs / 1000).toFixed(1)} s.`;
  process.stdout.write(`${json ? JSON.stringify({ services, tookMs }) : text}\n`);
}

async function untilRestarted(folder: string, formerUnixMs: number): Promise<number> {
  for (;;) {
    const state = await readLiveState(folder);
    if (!state) throw new MeshError('BUS_UNAVAILABLE', 'The mesh ended while it was restarted.');
    const { restart: outcome, processes } = state;
    if (outcome && outcome.endedUnixMs > formerUnixMs) {
      if (outcome.error) throw MeshError.fromWire(outcome.error);
      return processes.filter(({ name }) => name !== 'nats-server').length;
    }
    await delay(POLL_MS);
  }
}
