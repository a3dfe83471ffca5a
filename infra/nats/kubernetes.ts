/** Identities as Kubernetes takes them: a Secret for each, so that a pod mounts its own, and what the NATS server is told of them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AUTHORIZATION_FILE, seedFile } from './identities.ts';
import { IDENTITIES } from './permissions.ts';

/** Name of the file for `kubectl apply -f`. It holds every seed. */
export const KUBERNETES_FILE = 'kubernetes.json';

/** As in `infra/k8s/base/namespace.yaml`. */
const NAMESPACE = 'latentmesh';
const OWNER_ONLY = 0o600;

/** Writes {@link KUBERNETES_FILE} beside the identities that are in the folder. */
export async function writeKubernetes(folder: string): Promise<void> {
  const secrets = IDENTITIES.map(async (identity) => ({
    ...object('Secret', `latentmesh-nkey-${identity}`),
    stringData: { [`${identity}.nk`]: await readFile(seedFile(folder, identity), 'utf8') },
  }));
  const authorization = {
    ...object('ConfigMap', 'latentmesh-nats-authorization'),
    data: { [AUTHORIZATION_FILE]: await readFile(join(folder, AUTHORIZATION_FILE), 'utf8') },
  };
  const list = { apiVersion: 'v1', kind: 'List', items: [authorization, ...(await Promise.all(secrets))] };
  await writeFile(join(folder, KUBERNETES_FILE), `${JSON.stringify(list, null, 2)}\n`, { mode: OWNER_ONLY });
}

function object(kind: string, name: string): { apiVersion: string; kind: string; metadata: object } {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: NAMESPACE } };
}
