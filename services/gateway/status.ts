/** The mesh as this gateway sees it. */
import type { Pipeline } from '#shared/checkpoint/pipeline.ts';
import * as controlnet from '#shared/contracts/controlnet.ts';
import { type MeshStatus, Role } from '#shared/contracts/heartbeat.ts';
import * as lora from '#shared/contracts/lora.ts';
import { SAMPLERS } from '#shared/diffusion/sampler-names.ts';
import type { Directory } from '#shared/placement/directory.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import { VERSION } from '#shared/service/version.ts';

/** Whom a status asks. */
export interface StatusParts {
  readonly pipeline: Pipeline;
  readonly directory: Directory;
  readonly mesh: MeshClient;
  readonly now: () => number;
}

/** Libraries that do not answer in this time are left out: a status must come while things are broken, ms. */
const LIST_TIMEOUT_MS = 1000;

/** Asks for the libraries and adds the instances of the directory; what does not answer is left out. */
export async function meshStatus({ pipeline, directory, mesh, now }: StatusParts): Promise<MeshStatus> {
  const options = { deadlineUnixMs: now() + LIST_TIMEOUT_MS, signal: new AbortController().signal };
  const [controlnets, loras] = await Promise.all([
    mesh.call(controlnet.list, {}, {}, options).then(
      ({ body }) => body.controlnets,
      () => [],
    ),
    mesh.call(lora.list, {}, {}, options).then(
      ({ body }) => body.loras,
      () => [],
    ),
  ]);
  return {
    model: pipeline.name,
    version: VERSION,
    instances: directory.instances(),
    controlnets,
    loras,
    samplers: SAMPLERS.map((sampler) => sampler.label),
    ...(pipeline.vocabulary && { examples: [...pipeline.vocabulary.examples] }),
  };
}

/** Roles without a live instance: the mesh makes no picture until they are there. */
export function missingRoles(directory: Directory): string[] {
  return Role.options.filter((role) => directory.instances(role).every((instance) => instance.leaving));
}
