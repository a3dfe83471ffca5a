/** What every instance tells the mesh once a second. The directory (`shared/placement`) is made of these. */
import { z } from 'zod';

/** What an instance is for; the name of its folder in `services/`. */
export const Role = z.enum(['gateway', 'text-encoder', 'controlnet', 'denoiser', 'lora', 'vae']);
export type Role = z.infer<typeof Role>;

/** Milliseconds between heartbeats. */
export const HEARTBEAT_MS = 1000;
/** Silence after which an instance counts as lost, ms: three heartbeats. */
export const LOST_AFTER_MS = 3 * HEARTBEAT_MS;

/** See the head of this file. */
export const Heartbeat = z.object({
  role: Role,
  instance: z.string(),
  /** The place in the process tree that this instance fills (`denoiser-0@host`): a newcomer in the same slot means that the former one is dead. */
  slot: z.string(),
  device: z.string(),
  model: z.string(),
  /** Turns running and waiting. */
  load: z.number(),
  /** Turns it takes before it says MAILBOX_FULL. */
  capacity: z.number(),
  /** Names of what is resident: ControlNets, LoRA sets. */
  holds: z.array(z.string()),
  /** Set in the last heartbeat of an instance that drains. */
  leaving: z.boolean(),
  /** Median time of its latest turns, ms; left out while there were none. */
  turn_ms: z.number().min(0).optional(),
  /** Median time of its latest loads of something that it did not hold, ms. */
  load_ms: z.number().min(0).optional(),
  /** Memory for what it holds, where that is limited: taken, and the limit. */
  resident_bytes: z.number().min(0).optional(),
  budget_bytes: z.number().min(0).optional(),
  started_unix_ms: z.number(),
  rss_bytes: z.number(),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

/** `latentmesh.v1.status`: the mesh as a gateway sees it. */
export const MeshStatus = z.object({
  model: z.string(),
  version: z.string(),
  instances: z.array(Heartbeat),
  controlnets: z.array(z.string()),
  loras: z.array(z.string()),
  samplers: z.array(z.string()),
  schedules: z.array(z.string()),
  /** Prompts that work with the model, where it names some. */
  examples: z.array(z.string()).optional(),
  /** Jobs that wait and run, and how many there may be; left out while the queue does not answer. */
  queue: z.object({ jobs: z.number(), limit: z.number() }).optional(),
});
export type MeshStatus = z.infer<typeof MeshStatus>;
