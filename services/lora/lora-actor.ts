/** The lora actor's answers: checks for the door, factors for those who patch. */
import type * as contract from '#shared/contracts/lora.ts';
import type { AnyOperation, ReplyOf, RequestOf } from '#shared/contracts/operation.ts';
import { atField } from '#shared/errors/at-field.ts';
import type { ServedReply, ServedRequest } from '#shared/service/serve.ts';
import type { LoraLibrary } from './lora-library.ts';

type Handler<O extends AnyOperation> = (request: ServedRequest<RequestOf<O>>) => Promise<ServedReply<ReplyOf<O>>>;

/** Hex digits of the hash that A1111 shows. */
const SHOWN_HASH_DIGITS = 10;

/** Checks LoRAs by their headers. */
export function inspect(library: LoraLibrary): Handler<typeof contract.inspect> {
  return async ({ body }) => {
    const found = await Promise.all(
      body.loras.map(({ lora }, i) => atField(`loras.${i}.lora`, () => library.find(lora))),
    );
    const loras = found.map(({ name, sha256, bytes, plan }) => ({
      lora: name,
      hash: sha256.slice(0, SHOWN_HASH_DIGITS),
      bytes,
      modules: {
        unet: plan.modules.filter((module) => module.part === 'unet').length,
        text_encoder: plan.modules.filter((module) => module.part === 'text_encoder').length,
      },
    }));
    return { body: { loras } };
  };
}

/** Joined factors for one network. */
export function patch(library: LoraLibrary): Handler<typeof contract.patch> {
  return async ({ body }) => {
    const tensors = await library.factors(body.loras, body.part);
    return { body: { weights: Object.keys(tensors).length / 2 }, tensors };
  };
}

/** Every LoRA of the library. */
export function list(library: LoraLibrary): Handler<typeof contract.list> {
  return async () => ({ body: { loras: await library.names() } });
}
