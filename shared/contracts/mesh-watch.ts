/** What `GET /v1/mesh/events` tells, once a second: the mesh as it lives. Written by a gateway, read by the studio. */
import type { Heartbeat } from './heartbeat.ts';

/** What a call between actors carries. */
export type FlowKind = 'embeddings' | 'factors' | 'latents' | 'pixels' | 'residuals';

/** Bytes of one kind from one instance to another, over one route. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly kind: FlowKind;
  /** `nats` for requests; replies come inline or in chunks over NATS, else by unix socket or TCP. */
  readonly route: string;
  readonly bytes: number;
  readonly count: number;
}

/** A job in a snapshot. */
export interface WatchedJob {
  readonly job: string;
  readonly state: 'queued' | 'running';
  readonly step?: number;
  readonly steps?: number;
  readonly instance?: string;
}

/** One look. */
export interface MeshSnapshot {
  readonly instances: readonly Heartbeat[];
  /** Those that run, then those that wait, in their order. */
  readonly jobs: readonly WatchedJob[];
  /** Jobs that wait beyond those listed. */
  readonly more_waiting: number;
  /** Since the look before. */
  readonly flows: readonly Flow[];
}
