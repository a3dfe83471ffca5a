/** Makes an nkey for each identity of the mesh, and the part of a nats-server's configuration that lets them in. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newNkey } from '#shared/bus/identity.ts';
import { IDENTITIES, type Identity, permissionsOf } from './permissions.ts';

/** Only the owner reads. */
const OWNER_ONLY = 0o600;
const OWNER_FOLDER = 0o700;

/** Name of the file that a nats-server includes. */
export const AUTHORIZATION_FILE = 'authorization.conf';

/**
 * Writes `<identity>.nk` (a seed, secret) for each identity, and {@link AUTHORIZATION_FILE}. Seeds that are there are not
 * overwritten: rejects with the error of the file system (EEXIST).
 */
export async function writeIdentities(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: OWNER_FOLDER });
  const users: string[] = [];
  for (const identity of IDENTITIES) {
    const { seed, publicKey } = newNkey();
    await writeFile(seedFile(folder, identity), `${seed}\n`, { mode: OWNER_ONLY, flag: 'wx' });
    users.push(user(identity, publicKey));
  }
  const text = `# Made by \`npm run nats-keys\`. Holds no secrets.\nauthorization {\n  users: [\n${users.join('\n')}\n  ]\n}\n`;
  await writeFile(join(folder, AUTHORIZATION_FILE), text);
}

/** Where the seed of an identity is. */
export function seedFile(folder: string, identity: Identity): string {
  return join(folder, `${identity}.nk`);
}

function user(identity: Identity, publicKey: string): string {
  const { publish, subscribe } = permissionsOf(identity);
  const list = (subjects: readonly string[]): string =>
    `[\n${subjects.map((subject) => `          ${JSON.stringify(subject)}`).join('\n')}\n        ]`;
  return `    { # ${identity}
      nkey: ${publicKey}
      permissions: {
        publish: ${list(publish)}
        subscribe: ${list(subscribe)}
      }
    }`;
}
