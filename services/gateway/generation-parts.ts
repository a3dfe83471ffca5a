/** Whom the stages of a generation ask: apart from them, since each needs it. */
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { Pipeline } from '#shared/checkpoint/pipeline.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';

/** See the head of this file. */
export interface GenerationParts {
  readonly mesh: MeshClient;
  readonly files: ResultStore;
  readonly pipeline: Pipeline;
  readonly now: () => number;
}
