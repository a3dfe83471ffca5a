/** The denoiser's handler: one job per turn; what it needs beside the device begins before. */
import type { Offer } from '#shared/actor/actor.ts';
import type { DenoiseReply, DenoiseRequest } from '#shared/contracts/denoiser.ts';
import { cleanEstimate } from '#shared/diffusion/clean-estimate.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import { Checkpoints } from './checkpoints.ts';
import { DenoiseJob } from './denoise-job.ts';
import type { DenoiserParts } from './denoiser-parts.ts';
import { JobWeights } from './job-weights.ts';
import { WaitingLine } from './waiting-line.ts';

type Request = ServedRequest<DenoiseRequest>;
type Reply = ServedReply<DenoiseReply>;

/** The steps of a job, to be run in its turn. */
export type Work = (signal: AbortSignal) => Promise<Reply>;

/**
 * The denoiser's handler. What a job needs beside the device begins before its turn; its steps are its turn.
 *
 * inTurn   runs the work when nothing else runs on the device
 */
export function denoise(
  parts: DenoiserParts,
  inTurn: Offer<Work, Reply> = (work, signal) => work(signal),
): (request: Request, signal: AbortSignal) => Promise<Reply> {
  const line = new WaitingLine();
  const estimate = cleanEstimate(parts.scheduler);
  return async (request, signal) => {
    const options = { deadlineUnixMs: request.deadlineUnixMs, signal };
    const weights = new JobWeights(parts.loras, request.body, options);
    line.join(weights);
    const checkpoints = openCheckpoints(parts, request);
    try {
      return await inTurn(async (turnSignal) => {
        line.leave(weights);
        const job = { request, weights, checkpoints: await checkpoints };
        return runJob(new DenoiseJob({ ...parts, estimate }, job, turnSignal));
      }, signal);
    } finally {
      line.leave(weights);
      weights.release();
    }
  };
}

/** What is known of the job already, looked for while others run; does not fail. */
async function openCheckpoints(
  { checkpoints, unet }: DenoiserParts,
  { body, tensors }: Request,
): Promise<Checkpoints | undefined> {
  if (!checkpoints) return undefined;
  const batch = tensors.prompt_embeds?.shape[0] ?? 0;
  const count = batch * unet.config.outChannels * (body.height / VAE_FACTOR) * (body.width / VAE_FACTOR);
  return Checkpoints.open(checkpoints, { body, tensors, count });
}

async function runJob(job: DenoiseJob): Promise<Reply> {
  try {
    return await job.run();
  } finally {
    await job.close();
  }
}
