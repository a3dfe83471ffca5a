/** A job's refiner: whether there is the one that a request asks for, and what it is told. */
import type { Pipeline } from '#shared/checkpoint/pipeline.ts';
import type { GenerateRequest } from '#shared/contracts/generate.ts';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { refinerCall } from '#shared/diffusion/refiner-call.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { nearestNames } from '#shared/errors/nearest.ts';
import { scheduleOf } from './admit-start.ts';
import type { AdmittedHires } from './admitted-start.ts';
import type { AdmittedJob } from './job.ts';
import type { Sampling } from './sampling.ts';
import { stepsRun } from './start-rules.ts';
import { invalidRequest } from './validation.ts';

/** @throws MeshError UNSUPPORTED_OPTION where there is none, UNKNOWN_MODEL, INVALID_REQUEST where one of the two would have no step */
export function admitRefiner(
  request: GenerateRequest,
  { refiner, scheduler }: Pipeline,
  run: { readonly sampling: Sampling; readonly hires: AdmittedHires | undefined },
): AdmittedJob['refiner'] {
  const asked = request.refiner;
  if (!asked) return undefined;
  if (!refiner) throw noRefiner();
  if (asked.model !== undefined && asked.model !== refiner.name) throw anotherRefiner(asked.model, refiner.name);
  checkSteps(asked.denoising_start, request, { ...run, config: scheduler });
  return { model: refiner.name, denoising_start: asked.denoising_start };
}

/** Of the last run, which is the refiner's; one that starts at a picture may begin behind the change. */
function checkSteps(
  denoisingStart: number,
  request: GenerateRequest,
  { sampling, hires, config }: { sampling: Sampling; hires: AdmittedHires | undefined; config: Pipeline['scheduler'] },
): void {
  const steps = hires ? scheduleOf(hires) : request.steps;
  const run = hires ? hires.steps : stepsRun(request);
  const sampler = createSampler(sampling.sampler, { ...sampling, config, steps });
  const change = refinerCall(sampler, denoisingStart, config);
  const isWhole = run === steps;
  const idle = change === sampler.timesteps.length ? 'refiner' : isWhole && change === 0 ? 'model' : undefined;
  if (!idle) return;
  const message = `of ${denoisingStart} leaves the ${idle} none of ${steps} steps`;
  throw invalidRequest([{ path: 'refiner.denoising_start', message }]);
}

function noRefiner(): MeshError {
  const text = 'This mesh has no refiner: start it with `--refiner PATH` (LATENTMESH_REFINER), or leave refiner out.';
  return new MeshError('UNSUPPORTED_OPTION', text, { path: 'refiner' });
}

function anotherRefiner(asked: string, name: string): MeshError {
  const text = `The refiner of this mesh is "${name}", not ${JSON.stringify(asked)}.`;
  const details = { path: 'refiner.model', model: asked, nearest: nearestNames(asked, [name]), known: [name] };
  return new MeshError('UNKNOWN_MODEL', text, details);
}

/** In A1111's words, for a picture's parameters. */
export function refinerPairs({ refiner }: Pick<AdmittedJob, 'refiner'>): Record<string, string> {
  return refiner ? { Refiner: refiner.model, 'Refiner switch at': String(refiner.denoising_start) } : {};
}
