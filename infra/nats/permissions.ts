/**
 * What each identity may say and hear on NATS, made of the subjects and the contracts. Whoever adds a call between actors adds
 * it to `CALLS`, or the server refuses it.
 */
import { inboxPrefix } from '#shared/bus/identity.ts';
import { subjects } from '#shared/bus/subjects.ts';
import * as controlnet from '#shared/contracts/controlnet.ts';
import * as denoiser from '#shared/contracts/denoiser.ts';
import { Role } from '#shared/contracts/heartbeat.ts';
import * as lora from '#shared/contracts/lora.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import * as vae from '#shared/contracts/vae.ts';
import { GATEWAY_STORE, READ_CHECKPOINTS, READ_RESULTS } from './jet-stream-permissions.ts';

/** A role of the mesh, someone who sends jobs, or someone who looks on. */
export const IDENTITIES = [...Role.options, 'client', 'observer'] as const;
/** See {@link IDENTITIES}. */
export type Identity = (typeof IDENTITIES)[number];

/** Subjects, wildcards among them. Everything else is refused. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

interface Named {
  readonly role: Role;
  readonly name: string;
}

/** Who asks whom for what. */
const CALLS: Readonly<Record<Role, readonly Named[]>> = {
  gateway: [
    textEncoder.encode,
    ...[vae.encode, vae.decode],
    denoiser.denoise,
    ...[controlnet.inspect, controlnet.list],
    ...[lora.inspect, lora.list],
  ],
  denoiser: [
    ...[controlnet.open, controlnet.step, controlnet.close],
    ...[lora.inspect, lora.patch],
    ...[denoiser.assist, denoiser.assistStep, denoiser.assistEnd],
  ],
  'text-encoder': [lora.inspect, lora.patch],
  controlnet: [],
  lora: [],
  vae: [],
};

const OPERATIONS = [controlnet, denoiser, lora, textEncoder, vae].flatMap((contract) =>
  Object.values(contract).filter(isOperation),
);

const DOORS = [subjects.generate, subjects.cancel, subjects.jobs, subjects.trace, subjects.status];
const ANY = '*';

/** What an identity says and hears besides calls and signs of life. */
const OWN: Readonly<Record<Identity, Permissions>> = {
  gateway: {
    publish: [subjects.allEvents, subjects.allQueued, subjects.bell, subjects.dead, subjects.metrics, ...GATEWAY_STORE],
    subscribe: [...DOORS, subjects.allEvents, subjects.allPreviews, subjects.allSpans, subjects.bell],
  },
  denoiser: {
    publish: [subjects.allEvents, subjects.allPreviews, subjects.allCheckpoints, ...READ_CHECKPOINTS],
    subscribe: [],
  },
  'text-encoder': { publish: [], subscribe: [] },
  controlnet: { publish: [], subscribe: [] },
  lora: { publish: [], subscribe: [] },
  vae: { publish: [], subscribe: [] },
  client: { publish: [...DOORS, ...READ_RESULTS], subscribe: [subjects.allEvents] },
  observer: {
    publish: [subjects.status, subjects.metrics, '$SRV.PING.>', '$SRV.INFO.>', '$SRV.STATS.>', ...srv()],
    subscribe: [subjects.heartbeats, subjects.allSpans],
  },
};

/** All that an identity may do. */
export function permissionsOf(identity: Identity): Permissions {
  const role = Role.safeParse(identity).data;
  const common = role ? ofRole(role) : { publish: [], subscribe: [] };
  const own = OWN[identity];
  return {
    publish: [...common.publish, ...own.publish],
    subscribe: [`${inboxPrefix(identity)}.>`, ...common.subscribe, ...own.subscribe],
  };
}

function ofRole(role: Role): Permissions {
  const served = OPERATIONS.filter((one) => one.role === role);
  const calls = CALLS[role];
  return {
    publish: [
      subjects.heartbeat(role, 'ANY').replace('ANY', ANY),
      subjects.allSpans,
      ...calls.map((one) => instances(one)),
      ...(calls.length > 0 ? [subjects.calls] : []),
      ...peersOf(role).map((peer) => `${inboxPrefix(peer)}.>`),
    ],
    subscribe: [
      subjects.heartbeats,
      subjects.metrics,
      ...srv(`latentmesh-${role}`),
      ...served.flatMap((one) => [subjects.role(role, one.name), instances(one)]),
      ...(served.length > 0 ? [subjects.calls] : []),
    ],
  };
}

/** Whose inboxes it speaks to: those it asks, those who ask it, and those who ask everyone. */
function peersOf(role: Role): Identity[] {
  const asked = CALLS[role].map((one) => one.role);
  const asking = Role.options.filter((other) => CALLS[other].some((one) => one.role === role));
  const everyone: Identity[] = role === 'gateway' ? ['client', 'observer', 'gateway'] : ['observer', 'gateway'];
  return [...new Set<Identity>([...asked, ...asking, ...everyone])];
}

function instances({ role, name }: Named): string {
  return subjects.instance(role, name, 'ANY').replace('ANY', ANY);
}

function srv(name?: string): string[] {
  return ['PING', 'INFO', 'STATS'].flatMap((verb) => {
    const all = `$SRV.${verb}`;
    return name === undefined ? [all] : [all, `${all}.${name}`, `${all}.${name}.${ANY}`];
  });
}

function isOperation(value: unknown): value is Named {
  return typeof value === 'object' && value !== null && 'role' in value && 'request' in value && 'reply' in value;
}
