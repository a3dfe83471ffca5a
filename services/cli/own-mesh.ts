/** A mesh for one command: the supervisor as a child, ended with the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { MeshError, type WireError } from '#shared/errors/errors.ts';

/** The mesh that was started for this command. */
export interface OwnMesh {
  readonly natsUrl: string;
  /** Resolves when all its processes have ended. */
  stop(): Promise<void>;
}

/** What the supervisor tells the one who started it. */
type SupervisorMessage =
  | { readonly type: 'ready'; readonly natsUrl: string; readonly httpUrl: string }
  | ({ readonly type: 'fatal' } & WireError);

/** @throws MeshError the supervisor's, when it cannot start */
export async function startOwnMesh(model?: string): Promise<OwnMesh> {
  const args = ['--quiet', ...(model === undefined ? [] : ['--model', resolve(model)])];
  const child = spawn(process.execPath, [join(PROJECT_FOLDER, 'infra', 'mesh', 'main.ts'), ...args], {
    // Its own process group: Ctrl-C here cancels the job first.
    detached: true,
    // Told by a message: why it cannot start. On stderr: what takes long, and errors of its services.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = new Promise<void>((done) => child.once('close', () => done()));
  const { natsUrl } = await firstMessage(child);
  return {
    natsUrl,
    stop: () => {
      child.kill('SIGTERM');
      return gone;
    },
  };
}

function firstMessage(child: ChildProcess): Promise<Extract<SupervisorMessage, { type: 'ready' }>> {
  return new Promise((ready, fail) => {
    child.once('message', (message: SupervisorMessage) => {
      if (message.type === 'ready') ready(message);
      else fail(MeshError.fromWire(message));
    });
    child.once('close', (code) => fail(new MeshError('INTERNAL', `The mesh ended with status ${code} at its start.`)));
    child.once('error', (cause) => fail(new MeshError('INTERNAL', cause.message, {}, { cause })));
  });
}
