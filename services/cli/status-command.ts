/** `latentmesh status`, `list` and `cancel`: short questions to a mesh that runs. */
import { subjects } from '#shared/bus/subjects.ts';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { lastJob } from './last-job.ts';
import { openMesh } from './mesh.ts';
import { statusText } from './status-text.ts';

const TIMEOUT_MS = 5_000;

/** Prints the mesh: its instances, what they hold and how busy they are. */
export async function status({ json }: { readonly json?: boolean }): Promise<void> {
  const mesh = await ask<MeshStatus>(subjects.status, {});
  process.stdout.write(`${json ? JSON.stringify(mesh) : statusText(mesh, Date.now())}\n`);
}

/** What `list` can list. */
export type Listed = 'models' | 'samplers' | 'schedules' | 'controlnets' | 'loras';

/** Prints the names of one kind, one on a line. */
export async function list(what: Listed, { json }: { readonly json?: boolean }): Promise<void> {
  const mesh = await ask<MeshStatus>(subjects.status, {});
  const names = what === 'models' ? [mesh.model] : mesh[what];
  process.stdout.write(json ? `${JSON.stringify(names)}\n` : names.map((name) => `${name}\n`).join(''));
}

/** @throws MeshError UNKNOWN_JOB */
export async function cancel(job: string | undefined, { json }: { readonly json?: boolean }): Promise<void> {
  const name = job ?? (await lastJob());
  const record = await ask(subjects.cancel, { job: name });
  process.stdout.write(`${json ? JSON.stringify(record) : `cancelled ${name}`}\n`);
}

async function ask<Reply>(subject: string, body: object): Promise<Reply> {
  const mesh = await openMesh();
  try {
    return await mesh.client.request<Reply>(subject, body, TIMEOUT_MS);
  } finally {
    await mesh.close();
  }
}
