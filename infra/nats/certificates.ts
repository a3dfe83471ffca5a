/** A certificate authority of one's own and a server certificate of it, made by openssl. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MeshError } from '#shared/errors/errors.ts';

/** Clients refuse server certificates that hold for longer. */
const SERVER_DAYS = '825';
const CA_DAYS = '3650';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** The part of a nats-server's configuration that turns TLS on; files beside it. */
export const TLS_CONFIG = 'tls { cert_file: "server.pem", key_file: "server-key.pem" }\n';

/**
 * Writes `ca.pem` and `ca-key.pem` (keep it elsewhere), `server.pem` and `server-key.pem` for these host names and addresses.
 * @throws MeshError CONFIGURATION when there is no openssl, or it refuses
 */
export async function writeCertificates(folder: string, hosts: readonly string[]): Promise<void> {
  const names = hosts.map((host) => `${isIP(host) ? 'IP' : 'DNS'}:${host}`).join(',');
  const [csr, extensions] = [join(folder, 'server.csr'), join(folder, 'server.ext')];
  const [ca, caKey] = [join(folder, 'ca.pem'), join(folder, 'ca-key.pem')];
  const [server, serverKey] = [join(folder, 'server.pem'), join(folder, 'server-key.pem')];
  await writeFile(extensions, `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
  await openssl([
    'req',
    '-x509',
    ...NEW_KEY,
    '-days',
    CA_DAYS,
    '-subj',
    '/CN=latentmesh CA',
    '-keyout',
    caKey,
    '-out',
    ca,
  ]);
  await openssl(['req', ...NEW_KEY, '-subj', '/CN=latentmesh NATS', '-keyout', serverKey, '-out', csr]);
  const signing = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', SERVER_DAYS, '-extfile', extensions];
  await openssl(['x509', '-req', '-in', csr, ...signing, '-out', server]);
  await Promise.all([csr, extensions, join(folder, 'ca.srl')].map((file) => rm(file, { force: true })));
}

async function openssl(args: string[]): Promise<void> {
  try {
    await promisify(execFile)('openssl', args);
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no openssl here' : message;
    throw new MeshError('CONFIGURATION', `No certificate was made: ${reason}.`, {}, { cause: thrown });
  }
}
