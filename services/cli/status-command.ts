/** `latentmesh status`, `list` and `cancel`: short questions to a mesh that runs. */
import type { MeshConnection } from '#shared/client/mesh.ts';
import { lastJob } from './last-job.ts';
import { openMesh } from './mesh.ts';
import { statusText } from './status-text.ts';

/** Prints the mesh: its instances, what they hold and how busy they are. */
export async function status({ json }: { readonly json?: boolean }): Promise<void> {
  const mesh = await ask((client) => client.status());
  process.stdout.write(`${json ? JSON.stringify(mesh) : statusText(mesh, Date.now())}\n`);
}

/** What `list` can list. */
export type Listed = 'models' | 'samplers' | 'schedules' | 'controlnets' | 'loras';

/** Prints the names of one kind, one on a line. */
export async function list(what: Listed, { json }: { readonly json?: boolean }): Promise<void> {
  const mesh = await ask((client) => client.status());
  const names = what === 'models' ? [mesh.model] : mesh[what];
  process.stdout.write(json ? `${JSON.stringify(names)}\n` : names.map((name) => `${name}\n`).join(''));
}

/** @throws MeshError UNKNOWN_JOB */
export async function cancel(job: string | undefined, { json }: { readonly json?: boolean }): Promise<void> {
  const name = job ?? (await lastJob());
  const record = await ask((client) => client.cancel(name));
  process.stdout.write(`${json ? JSON.stringify(record) : `cancelled ${name}`}\n`);
}

async function ask<Reply>(question: (client: MeshConnection) => Promise<Reply>): Promise<Reply> {
  const mesh = await openMesh();
  try {
    return await question(mesh.client);
  } finally {
    await mesh.close();
  }
}
