/** How the servers of a NATS cluster find and know each other. */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Name of the file that each server's `cluster` block includes. */
export const ROUTES_FILE = 'routes.conf';

const USER = 'route';
const PASSWORD_BYTES = 32;
const PORT = 6222;
/**
 * Writes {@link ROUTES_FILE} for servers of these host names, with the password that the file has already or a new one. The
 * servers run as another user, so whoever sees the folder can read it.
 */
export async function writeRoutes(folder: string, servers: readonly string[]): Promise<void> {
  const file = join(folder, ROUTES_FILE);
  const former = await readFile(file, 'utf8').catch(() => '');
  const password = /password: "([^"]+)"/.exec(former)?.[1] ?? randomBytes(PASSWORD_BYTES).toString('hex');
  const urls = servers.map((server) => `    "nats-route://${USER}:${password}@${server}:${PORT}"`);
  const text = `authorization { user: ${USER}, password: "${password}" }\nroutes: [\n${urls.join('\n')}\n]\n`;
  await writeFile(file, text);
}
