/** How long the devices of a mesh have worked, from the spans of their runs. */
import { subscribeJson } from '#shared/bus/door.ts';
import type { NatsTransport } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';

/** Time of runs so far by role, simulated ms, and the devices that were named. */
export class MeshUsage {
  readonly #busyMs = new Map<string, number>();
  readonly #devices = new Set<string>();

  listen(transport: NatsTransport): void {
    subscribeJson(transport, subjects.allSpans, (spans) => {
      for (const span of spans as readonly SpanRecord[]) this.#count(span);
    });
  }

  busyMs(role: string): number {
    return this.#busyMs.get(role) ?? 0;
  }

  /** Names of all devices that have run something. */
  get devices(): readonly string[] {
    return [...this.#devices];
  }

  #count({ service, attributes }: SpanRecord): void {
    const { 'latentmesh.run_ms': runMs, 'latentmesh.device': device } = attributes;
    if (typeof runMs !== 'number' || typeof device !== 'string') return;
    this.#busyMs.set(service, this.busyMs(service) + runMs);
    this.#devices.add(device);
  }
}
