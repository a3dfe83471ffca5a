/** Who a process is to the NATS server: an nkey, and an inbox that nobody else may listen to. */
import { readFileSync } from 'node:fs';
import { nkeyAuthenticator, nkeys } from '@nats-io/transport-node';
import { MeshError } from '#shared/errors/errors.ts';

/** A key pair of its own, as text. */
export interface NkeyPair {
  /** Secret: `SU…`. */
  readonly seed: string;
  /** For the server's configuration: `U…`. */
  readonly publicKey: string;
}

/** Makes a key pair of a user. */
export function newNkey(): NkeyPair {
  const pair = nkeys.createUser();
  return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() };
}

/**
 * By which key a server knows the owner of the seed in a file.
 * @throws MeshError CONFIGURATION when it holds no seed of a user
 */
export function publicKeyIn(file: string): string {
  return nkeys.fromSeed(readSeed(file)).getPublicKey();
}

/** The inboxes of an identity: those of all its processes begin so. */
export function inboxPrefix(identity: string): string {
  return `_INBOX_${identity}`;
}

/**
 * Signs what the server asks; the file is read with every connection, so a new key needs no restart.
 * @throws MeshError CONFIGURATION when the file holds no seed of a user
 */
export function nkeyFrom(file: string): ReturnType<typeof nkeyAuthenticator> {
  readSeed(file);
  return nkeyAuthenticator(() => readSeed(file));
}

function readSeed(file: string): Uint8Array {
  try {
    const seed = new TextEncoder().encode(readFileSync(file, 'utf8').trim());
    nkeys.fromSeed(seed);
    return seed;
  } catch (cause) {
    throw new MeshError(
      'CONFIGURATION',
      `${file} holds no nkey seed that this process can read: make one with \`npm run nats-keys\`.`,
      {},
      { cause },
    );
  }
}
