/** The mesh as the page sees it: who is there, what it can do, what flows; and whether the gateway answers at all. */
import { computed, effect, signal } from '@preact/signals';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import type { MeshSnapshot } from '#shared/contracts/mesh-watch.ts';
import { ask } from '../server.ts';

/** Time after which a stream that the server closed is opened again, ms. */
const REOPEN_MS = 1000;
/** Time a report of flows is shown when no other follows, ms. */
const FLOW_SHOWN_MS = 1600;
/** Roles without which no picture is made. */
const NEEDED: readonly string[] = ['text-encoder', 'denoiser', 'vae'];

/** Whether the gateway answers. */
export const connection = signal<'connecting' | 'online' | 'offline'>('connecting');
/** What the mesh can do; undefined until it was told. */
export const status = signal<MeshStatus | undefined>(undefined);
/** Who is there, and what runs. */
export const report = signal<MeshSnapshot>({ instances: [], jobs: [], more_waiting: 0, flows: [] });
/** Counts up whenever the gateway answers again: what was asked of the former one must be asked again. */
export const epoch = signal(0);

/** Roles that a picture needs and that nobody fills. */
export const missing = computed(() => {
  const there = new Set(report.value.instances.filter(({ leaving }) => !leaving).map(({ role }) => role as string));
  return connection.value === 'online' ? NEEDED.filter((role) => !there.has(role)) : [];
});
/** Jobs of the whole mesh that wait for their turn. */
export const waiting = computed(
  () => report.value.jobs.filter(({ state }) => state === 'queued').length + report.value.more_waiting,
);
/** Names of what can be chosen, empty while nothing is known. */
export const samplers = computed(() => status.value?.samplers ?? []);
/** Noise schedules. */
export const schedules = computed(() => status.value?.schedules ?? []);
/** LoRAs of the library. */
export const loras = computed(() => status.value?.loras ?? []);
/** ControlNets of the library. */
export const controlnets = computed(() => status.value?.controlnets ?? []);

let stream: EventSource | undefined;
let flowsEnd: ReturnType<typeof setTimeout> | undefined;

/** Follows the mesh from now on; a page that nobody sees does not. */
export function watchMesh(): void {
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  open();
  // A library that came or went shows in what instances hold or in a newcomer: ask again then.
  const known = computed(() =>
    report.value.instances
      .map(({ instance }) => instance)
      .sort()
      .join(),
  );
  effect(() => {
    if (known.value) void readStatus();
  });
}

function open(): void {
  if (stream) return;
  const opened = new EventSource('v1/mesh/events');
  stream = opened;
  opened.onopen = () => setOnline();
  opened.addEventListener('mesh', ({ data }: MessageEvent<string>) => {
    setOnline();
    hear(JSON.parse(data) as MeshSnapshot);
  });
  opened.onerror = () => {
    connection.value = 'offline';
    close();
    setTimeout(() => document.hidden || open(), REOPEN_MS);
  };
}

function close(): void {
  stream?.close();
  stream = undefined;
}

function setOnline(): void {
  if (connection.value === 'online') return;
  connection.value = 'online';
  epoch.value += 1;
  void readStatus();
}

function hear(next: MeshSnapshot): void {
  report.value = next;
  clearTimeout(flowsEnd);
  flowsEnd = setTimeout(() => {
    report.value = { ...report.value, flows: [] };
  }, FLOW_SHOWN_MS);
}

async function readStatus(): Promise<void> {
  try {
    status.value = await ask<MeshStatus>('GET', 'v1/status');
  } catch {
    // Told by the stream, or by the next one.
  }
}
