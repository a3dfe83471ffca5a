/** `npm run nats-keys -- --out DIR [--tls --host NAME…] [--kubernetes]`: identities for the processes of a mesh, and the configuration of their server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MeshError } from '#shared/errors/errors.ts';
import { TLS_CONFIG, writeCertificates } from './certificates.ts';
import { AUTHORIZATION_FILE, writeIdentities } from './identities.ts';
import { KUBERNETES_FILE, writeKubernetes } from './kubernetes.ts';
import { IDENTITIES } from './permissions.ts';

const USAGE = `Usage: npm run nats-keys -- --out DIR [--tls] [--host NAME…] [--kubernetes]

  --out DIR    folder that gets <identity>.nk for ${IDENTITIES.join(', ')},
               and a nats-server.conf that lets them in
  --tls        also a certificate authority and a certificate of the server (needs openssl)
  --host NAME  name or address in that certificate besides localhost and 127.0.0.1; repeatable
  --kubernetes also ${KUBERNETES_FILE}, for kubectl apply -f: a Secret for each identity, and what the server is told
`;

/** The reasons of the numbers are in docs/adr/0011-nats-server-is-found.md. */
const SERVER_CONFIG = `include ./${AUTHORIZATION_FILE}
jetstream { store_dir: "./store" }
max_pending: 256MB
write_deadline: "30s"
ping_interval: "5s"
ping_max: 2
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      tls: { type: 'boolean', default: false },
      kubernetes: { type: 'boolean', default: false },
      host: { type: 'string', multiple: true, default: [] },
    },
  });
  if (!values.out) {
    process.stderr.write(USAGE);
    return 2;
  }
  await writeIdentities(values.out);
  if (values.tls) await writeCertificates(values.out, ['localhost', '127.0.0.1', ...values.host]);
  if (values.kubernetes) await writeKubernetes(values.out);
  await writeFile(join(values.out, 'nats-server.conf'), `${SERVER_CONFIG}${values.tls ? TLS_CONFIG : ''}`);
  process.stdout.write(`${values.out} holds the identities. Start the server there: nats-server -c nats-server.conf\n`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  process.stderr.write(`${MeshError.from(thrown).message}\n`);
  process.exitCode = 1;
}
