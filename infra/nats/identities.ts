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

/** The key of each identity, by which the server knows it: `U…`. */
export type PublicKeys = ReadonlyMap<Identity, string>;

/**
 * Writes `<identity>.nk` (a seed, secret) for each identity, and {@link AUTHORIZATION_FILE}. Seeds that are there are not
 * overwritten: rejects with the error of the file system (EEXIST).
 */
export async function writeIdentities(folder: string): Promise<void> {
  const publicKeys = new Map<Identity, string>();
  for (const identity of IDENTITIES) publicKeys.set(identity, await writeSeed(folder, identity));
  await writeFile(join(folder, AUTHORIZATION_FILE), authorization(publicKeys));
}

/** Makes the seed of an identity, and the folder, both for their owner alone; resolves with the public key. */
export async function writeSeed(folder: string, identity: Identity): Promise<string> {
  await mkdir(folder, { recursive: true, mode: OWNER_FOLDER });
  const { seed, publicKey } = newNkey();
  await writeFile(seedFile(folder, identity), `${seed}\n`, { mode: OWNER_ONLY, flag: 'wx' });
  return publicKey;
}

/** Where the seed of an identity is. */
export function seedFile(folder: string, identity: Identity): string {
  return join(folder, `${identity}.nk`);
}

/** The text of {@link AUTHORIZATION_FILE}: whom the server lets in, and what each of them may do. */
export function authorization(publicKeys: PublicKeys): string {
  const users = [...publicKeys].map(([identity, publicKey]) => user(identity, publicKey));
  return `# Made by \`npm run nats-keys\`. Holds no secrets.\nauthorization {\n  users: [\n${users.join('\n')}\n  ]\n}\n`;
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
