/** The lora actor's answers: checks for the door, factors for those who patch. */
import type { LoraPlan } from '#shared/checkpoint/lora-file.ts';
import type * as contract from '#shared/contracts/lora.ts';
import type { LoraPart } from '#shared/contracts/lora.ts';
import type { AnyOperation, ReplyOf, RequestOf } from '#shared/contracts/operation.ts';
import { atField } from '#shared/errors/at-field.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import { patchedWeights } from '#shared/tensor/weight-change.ts';
import type { LoraLibrary } from './lora-library.ts';

type Handler<O extends AnyOperation> = (request: ServedRequest<RequestOf<O>>) => Promise<ServedReply<ReplyOf<O>>>;

/** Checks LoRAs by their headers; what is wanted soon is read behind the reply. */
export function inspect(library: LoraLibrary): Handler<typeof contract.inspect> {
  return async ({ body }) => {
    const found = await Promise.all(body.loras.map((unit, i) => atField(`loras.${i}.lora`, () => library.find(unit))));
    const loras = found.map(({ name, hash, bytes, plan }) => ({
      lora: name,
      hash,
      bytes,
      modules: modulesByPart(plan),
    }));
    if (body.is_wanted_soon) library.prefetch(body.loras);
    return { body: { loras } };
  };
}

function modulesByPart({ modules }: LoraPlan): Record<LoraPart, number> {
  const count = (part: LoraPart): number => modules.filter((module) => module.part === part).length;
  return { unet: count('unet'), text_encoder: count('text_encoder'), text_encoder_2: count('text_encoder_2') };
}

/** Joined factors for one network. */
export function patch(library: LoraLibrary): Handler<typeof contract.patch> {
  return async ({ body }) => {
    const tensors = await library.factors(body.loras, body.part);
    return { body: { weights: patchedWeights(tensors).size }, tensors };
  };
}

/** Every LoRA of the library. */
export function list(library: LoraLibrary): Handler<typeof contract.list> {
  return async () => ({ body: { loras: await library.names() } });
}
