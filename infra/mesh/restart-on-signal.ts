/** The rolling restart of a mesh by SIGUSR2 to its supervisor; how it went stands in the state file. */
import { MeshError } from '#shared/errors/errors.ts';
import type { LocalMesh } from './local-mesh.ts';
import type { StateFile } from './state-file.ts';

/** Until the process ends. A wish that comes while a restart runs is part of it. */
export function restartOnSignal(
  mesh: Pick<LocalMesh, 'restart'>,
  state: StateFile,
  tell: (text: string) => void,
): void {
  let isRunning = false;
  const run = async (): Promise<void> => {
    tell('Restarting every service, one after the other.');
    const error = await mesh.restart().then(
      () => undefined,
      (thrown: unknown) => MeshError.from(thrown).toWire(),
    );
    tell(error ? `The restart was given up: ${error.message}` : 'Every service was restarted.');
    await state.update({ restart: { endedUnixMs: Date.now(), ...(error && { error }) } });
  };
  process.on('SIGUSR2', () => {
    if (isRunning) return;
    isRunning = true;
    void run().finally(() => {
      isRunning = false;
    });
  });
}
