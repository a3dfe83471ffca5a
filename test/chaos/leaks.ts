/** What must not grow: streams, consumers, waiting jobs, processes, their open files and their memory. */
import { readdir, readFile } from 'node:fs/promises';
import { manager } from '#shared/bus/jet-stream.ts';
import type { Cluster } from './cluster.ts';

/** See the head of this file. */
export interface Holdings {
  readonly streams: readonly string[];
  readonly consumers: readonly string[];
  readonly waitingJobs: number;
  readonly connections: number;
  readonly processes: Readonly<Record<string, { readonly files: number; readonly mib: number }>>;
}

/** Open files more than before that are no leak: a connection that is being made, a file that is read just now. */
const FILES_ALLOWED = 12;
/** Growth of memory that is none: heaps that fill before they are swept. */
const MIB_ALLOWED = 150;

/** Looks at a cluster that has nothing to do. */
export async function holdings(cluster: Cluster): Promise<Holdings> {
  const { transport, proxy, services } = cluster;
  const jsm = await manager(transport.connection);
  const names: string[] = [];
  for await (const info of jsm.streams.list()) names.push(info.config.name);
  const consumers: string[] = [];
  for (const name of names) {
    for await (const info of jsm.consumers.list(name)) consumers.push(`${name} ${info.name}`);
  }
  const { state } = await jsm.streams.info('LATENTMESH_QUEUE');
  const processes = Object.fromEntries(
    await Promise.all(services.map(async (name) => [name, await processHoldings(cluster.pid(name))])),
  );
  return {
    streams: names.sort(),
    consumers: consumers.sort(),
    waitingJobs: state.messages,
    connections: proxy.connections,
    processes,
  };
}

/** Open files and memory of one process. */
export async function processHoldings(pid: number): Promise<{ files: number; mib: number }> {
  const files = await readdir(`/proc/${pid}/fd`);
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return { files: files.length, mib: Math.round(Number(kib) / 1024) };
}

/** What has grown, in words. */
export function findLeaks(before: Holdings, after: Holdings): string[] {
  const leaks: string[] = [];
  const newcomers = (was: readonly string[], is: readonly string[]): string[] => is.filter((one) => !was.includes(one));
  for (const name of newcomers(before.streams, after.streams)) leaks.push(`stream ${name}`);
  for (const name of newcomers(before.consumers, after.consumers)) leaks.push(`consumer ${name}`);
  if (after.waitingJobs > 0) leaks.push(`${after.waitingJobs} jobs are still in the queue`);
  if (after.connections > before.connections)
    leaks.push(`${after.connections} connections instead of ${before.connections}`);
  for (const [name, { files, mib }] of Object.entries(after.processes)) {
    const was = before.processes[name]!;
    if (files > was.files + FILES_ALLOWED) leaks.push(`${name} has ${files} open files, it had ${was.files}`);
    if (mib > was.mib + MIB_ALLOWED) leaks.push(`${name} has ${mib} MiB, it had ${was.mib}`);
  }
  return leaks;
}
