/** Looks for a TCP port that nobody listens on. */
import { createServer } from 'node:net';
import { MeshError } from '#shared/errors/errors.ts';

const TRIES = 100;

/**
 * The first free port from `first` on. Somebody may take it before its user does; the user's own error tells that.
 * @throws MeshError CONFIGURATION when a hundred in a row are taken
 */
export async function firstFreePort(first: number, host = '127.0.0.1'): Promise<number> {
  for (let port = first; port < first + TRIES; port += 1) {
    if (await isFree(port, host)) return port;
  }
  throw new MeshError('CONFIGURATION', `No port from ${first} to ${first + TRIES - 1} is free on ${host}. Name one.`);
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
