/** The VAE's turns. */
import type { Behaviour } from '#shared/actor/actor.ts';
import type { AnyOperation, ReplyOf, RequestOf } from '#shared/contracts/operation.ts';
import type * as contract from '#shared/contracts/vae.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import { pick } from '#shared/tensor/tensor.ts';
import type { Vae } from './vae.ts';

/** A VAE has no state between turns. */
export type VaeState = Readonly<Record<string, never>>;

type Turn<O extends AnyOperation> = Behaviour<VaeState, ServedRequest<RequestOf<O>>, ServedReply<ReplyOf<O>>>;

/** Latents become pixels. */
export function decode(vae: Vae): Turn<typeof contract.decode> {
  return async (state, { tensors }, signal) => {
    const { pixels, runMs } = await vae.decode(pick(tensors, 'latents', 'f32'), signal);
    return { state, reply: { body: { run_ms: runMs }, tensors: { pixels } } };
  };
}

/** Pixels become the posterior of their latents. */
export function encode(vae: Vae): Turn<typeof contract.encode> {
  return async (state, { tensors }, signal) => {
    const mask = tensors.mask && pick(tensors, 'mask', 'u8');
    const { mean, logvar, runMs } = await vae.encode(pick(tensors, 'pixels', 'u8'), mask, signal);
    return { state, reply: { body: { run_ms: runMs, scaling_factor: vae.scalingFactor }, tensors: { mean, logvar } } };
  };
}
