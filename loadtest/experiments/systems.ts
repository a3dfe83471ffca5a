/** The systems of an experiment, each ready to serve, and gone when it has been used. */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { Role } from '#shared/contracts/heartbeat.ts';
import { AsDiffusers } from '../systems/as-diffusers.ts';
import { AsKatz } from '../systems/as-katz.ts';
import { AsPlanned, type AsPlannedOptions } from '../systems/as-planned.ts';
import { Latentmesh } from '../systems/latentmesh.ts';
import { VirtualClock } from '../virtual-clock.ts';
import type { Picture } from '../workload/published-traffic.ts';
import type { LoadOptions } from './experiment.ts';

/** Runs work on instances as Diffusers', in no real time. */
export function withDiffusers<T>(
  { profile, steps }: LoadOptions,
  instances: number,
  work: (system: AsDiffusers) => Promise<T>,
): Promise<T> {
  const clock = new VirtualClock();
  return clock.run(work(new AsDiffusers({ profile, clock, instances, steps })));
}

/** Runs work on instances of Katz, in no real time. */
export function withKatz<T>(
  { profile, steps, katzBound }: LoadOptions,
  { instances, controlnetSlots }: { readonly instances: number; readonly controlnetSlots: number },
  work: (system: AsKatz) => Promise<T>,
): Promise<T> {
  const clock = new VirtualClock();
  return clock.run(work(new AsKatz({ profile, clock, instances, steps, controlnetSlots, bound: katzBound })));
}

/** Runs work on what the mesh would be without its own work, in no real time. */
export function withPlan<T>(
  { profile, steps, katzBound: bound }: LoadOptions,
  size: Pick<AsPlannedOptions, 'denoisers' | 'controlnets' | 'jobsPerDenoiser'>,
  work: (system: AsPlanned) => Promise<T>,
): Promise<T> {
  const clock = new VirtualClock();
  return clock.run(work(new AsPlanned({ profile, clock, steps, bound, ...size })));
}

/** A mesh, and what it will be asked for. */
export interface MeshSize {
  readonly pictures: readonly Picture[];
  readonly replicas: Partial<Record<Role, number>>;
  /** As the command line says when left out. */
  readonly guidance?: LoadOptions['guidance'];
}

/** Runs work on a mesh that knows the adapters of these pictures. */
export async function withMesh<T>(
  given: LoadOptions,
  { pictures, replicas, guidance = given.guidance }: MeshSize,
  work: (system: Latentmesh) => Promise<T>,
): Promise<T> {
  const { profile, timeScale, steps, request, env, note, loraActors } = given;
  await using mesh = await Latentmesh.start({
    profile,
    timeScale,
    steps,
    request,
    env,
    note,
    guidance,
    replicas: { lora: loraActors, ...replicas },
    controlnets: new Set(pictures.flatMap(({ controlnets }) => controlnets)),
    loras: new Set(pictures.flatMap(({ loras }) => loras)),
  });
  return await work(mesh);
}

/** The profile with every LoRA in the page cache of its host from the start. */
export function withWarmFiles(options: LoadOptions): LoadOptions {
  const { first_read: _, ...lora } = options.profile.lora;
  const profile: DeviceProfile = { ...options.profile, lora };
  return { ...options, profile };
}
