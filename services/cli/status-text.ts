/** The state of a mesh as a table. */
import type { Heartbeat, MeshStatus } from '#shared/contracts/heartbeat.ts';
import { table } from './table.ts';

const HEAD = ['ROLE', 'INSTANCE', 'DEVICE', 'LOAD', 'UP', 'MEMORY', 'ADAPTERS', 'HOLDS'];

/** One line for each instance, below what the mesh offers. */
export function statusText(mesh: MeshStatus, nowUnixMs: number): string {
  const offers = (['controlnets', 'loras'] as const)
    .filter((what) => mesh[what].length > 0)
    .map((what) => `${what}: ${mesh[what].join(', ')}`);
  const lines = table(statusRows(mesh.instances, nowUnixMs));
  return [`latentmesh ${mesh.version}, model ${mesh.model}`, ...offers, '', ...lines].join('\n');
}

/** The instances as rows, below a heading. */
export function statusRows(instances: readonly Heartbeat[], nowUnixMs: number): string[][] {
  return [HEAD, ...instances.map((instance) => cells(instance, nowUnixMs))];
}

function cells(instance: Heartbeat, nowUnixMs: number): string[] {
  const { role, device, load, capacity, holds, leaving } = instance;
  return [
    role,
    instance.instance,
    device,
    leaving ? 'leaving' : `${load}/${capacity}`,
    duration(nowUnixMs - instance.started_unix_ms),
    megabytes(instance.rss_bytes),
    adapters(instance),
    holds.join(', '),
  ];
}

/** What resident ControlNets and patched weights take of their budget. */
function adapters({ resident_bytes: used, budget_bytes: budget }: Heartbeat): string {
  return used === undefined || budget === undefined ? '' : `${megabytes(used)} of ${megabytes(budget)}`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
