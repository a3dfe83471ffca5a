/**
 * What the one-shot service `keys` of docker-compose.yml runs: each identity has a volume of its own at `/keys/<identity>`, that of
 * the NATS servers is `/keys/nats`. Seeds stay as they are; what the server is told about them follows the contracts of this image.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AUTHORIZATION_FILE, authorization, seedFile, writeSeed } from '#infra/nats/identities.ts';
import { IDENTITIES, type Identity } from '#infra/nats/permissions.ts';
import { writeRoutes } from '#infra/nats/routes.ts';
import { publicKeyIn } from '#shared/bus/identity.ts';
import { MeshError } from '#shared/errors/errors.ts';

const { values } = parseArgs({
  options: { folder: { type: 'string', default: '/keys' }, server: { type: 'string', multiple: true, default: [] } },
});

try {
  await main(values.folder, values.server);
} catch (thrown) {
  process.stderr.write(`${MeshError.from(thrown).message}\n`);
  process.exitCode = 1;
}

async function main(folder: string, servers: readonly string[]): Promise<void> {
  const publicKeys = new Map<Identity, string>();
  for (const identity of IDENTITIES) publicKeys.set(identity, await kept(join(folder, identity), identity));
  const ofServers = join(folder, 'nats');
  await writeFile(join(ofServers, AUTHORIZATION_FILE), authorization(publicKeys));
  if (servers.length > 0) await writeRoutes(ofServers, servers);
}

/** The public key of a seed that is there, or of a new one. */
async function kept(folder: string, identity: Identity): Promise<string> {
  const file = seedFile(folder, identity);
  return existsSync(file) ? publicKeyIn(file) : writeSeed(folder, identity);
}
