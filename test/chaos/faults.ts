/** What can befall a mesh. Each fault begins, lasts, and is over: what it took away is given back then, if it was not the mesh's to do. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { addressSpaceBytes, limitAddressSpace } from './memory-limit.ts';
import type { Random } from './random.ts';
import { repeatMessages } from './troublemaker.ts';

/** See the head of this file. */
export interface Fault {
  readonly name: string;
  /** Resolves when it is over. @returns what exactly was done */
  readonly strike: (cluster: Cluster, random: Random) => Promise<string>;
}

const MAX_FREEZE_MS = 5000;
const MAX_OUTAGE_MS = 2000;
const MAX_PARTITION_MS = 4000;

async function kill(cluster: Cluster, random: Random): Promise<string> {
  const name = random.pick(cluster.services);
  cluster.signal(name, 'SIGKILL');
  return name;
}

async function killTwo(cluster: Cluster, random: Random): Promise<string> {
  return `${await kill(cluster, random)} ${await kill(cluster, random)}`;
}

async function end(cluster: Cluster, random: Random): Promise<string> {
  const name = random.pick(cluster.services);
  cluster.signal(name, 'SIGTERM');
  return name;
}

async function freeze(cluster: Cluster, random: Random): Promise<string> {
  const name = random.pick(cluster.services);
  const ms = random.between(300, MAX_FREEZE_MS);
  cluster.signal(name, 'SIGSTOP');
  await delay(ms);
  cluster.signal(name, 'SIGCONT');
  return `${name} ${Math.round(ms)} ms`;
}

function restartNats(how: 'kill' | 'stop') {
  return async (cluster: Cluster, random: Random): Promise<string> => {
    const ms = random.between(0, MAX_OUTAGE_MS);
    await cluster.stopNats(how);
    await delay(ms);
    await cluster.startNats();
    return `${Math.round(ms)} ms`;
  };
}

async function partition({ proxy }: Cluster, random: Random): Promise<string> {
  const ms = random.between(200, MAX_PARTITION_MS);
  proxy.partition(true);
  await delay(ms);
  proxy.partition(false);
  return `${Math.round(ms)} ms`;
}

async function cutAll({ proxy }: Cluster): Promise<string> {
  proxy.cut('all');
  return `${proxy.connections} connections`;
}

async function cutOne({ proxy }: Cluster, random: Random): Promise<string> {
  const which = Math.floor(random.next() * 1000);
  proxy.cut(which);
  return `connection ${which}`;
}

async function slowNetwork({ proxy }: Cluster, random: Random): Promise<string> {
  const ms = random.between(5, 60);
  proxy.slowDown(ms);
  await delay(2000);
  proxy.slowDown(0);
  return `${Math.round(ms)} ms`;
}

async function repeat({ transport }: Cluster, random: Random): Promise<string> {
  const stop = repeatMessages(transport, random);
  await delay(2000);
  stop();
  return '2 s';
}

async function spoil(cluster: Cluster): Promise<string> {
  const mend = await cluster.spoilLora();
  await delay(1500);
  await mend();
  return 'half a LoRA';
}

/** Memory of which a process may take no more: what it asks for next is refused, which it lives with or dies of. */
async function limitMemory(cluster: Cluster, random: Random): Promise<string> {
  const name = random.pick(cluster.services.filter((one) => /^(?:gateway|denoiser|controlnet)/.test(one)));
  const pid = cluster.pid(name);
  const limited = await limitAddressSpace(pid, await addressSpaceBytes(pid));
  await delay(1500);
  await limitAddressSpace(pid, 'unlimited');
  if (!limited) return `${name}: nothing, prlimit could not be run`;
  return `${name}, which ${cluster.pid(name) === pid ? 'lived on' : 'died'}`;
}

/** A denoiser that dies and finds half of its model when it is started again: it cannot start until that is whole. */
async function spoilModel(cluster: Cluster, random: Random): Promise<string> {
  const name = random.pick(cluster.services.filter((one) => one.startsWith('denoiser')));
  const mend = await cluster.spoilModel();
  cluster.signal(name, 'SIGKILL');
  await delay(600);
  await mend();
  return `half a UNet for ${name}`;
}

/** All of them; those that a cluster meets most come twice. */
export const FAULTS: readonly Fault[] = [
  { name: 'SIGKILL', strike: kill },
  { name: 'SIGKILL', strike: kill },
  { name: 'SIGKILL of two', strike: killTwo },
  { name: 'SIGTERM', strike: end },
  { name: 'SIGSTOP', strike: freeze },
  { name: 'SIGSTOP', strike: freeze },
  { name: 'nats-server killed', strike: restartNats('kill') },
  { name: 'nats-server restarted', strike: restartNats('stop') },
  { name: 'partition', strike: partition },
  { name: 'all connections cut', strike: cutAll },
  { name: 'one connection cut', strike: cutOne },
  { name: 'slow network', strike: slowNetwork },
  { name: 'messages twice, late, in another order', strike: repeat },
  { name: 'file spoiled', strike: spoil },
  { name: 'model spoiled at a restart', strike: spoilModel },
];

/** Made only when `--only` names them: what they show is not understood yet (docs/reliability.md). */
export const NOT_DRAWN: readonly Fault[] = [{ name: 'memory limit', strike: limitMemory }];
