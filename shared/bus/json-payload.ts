/** JSON in payloads, as people send it. */
import { MeshError } from '#shared/errors/errors.ts';

/**
 * The value in a payload; an empty payload is an empty object, so that `nats request latentmesh.v1.status ''` works.
 * @throws MeshError INVALID_JSON, with `details.position` (characters) where the parser names one
 */
export function parseJson(payload: Uint8Array): unknown {
  if (payload.byteLength === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (cause) {
    throw invalidJson(cause as Error);
  }
}

/** A TypeError is the decoder's: the bytes are no UTF-8. */
function invalidJson(cause: Error): MeshError {
  const why = cause instanceof SyntaxError ? cause.message : 'it is no UTF-8 text';
  const position = /at position (\d+)/.exec(why)?.[1];
  const details = position === undefined ? {} : { position: Number(position) };
  return new MeshError('INVALID_JSON', `The payload is no JSON: ${why}.`, details, { cause });
}

export function toJson(body: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(body) ?? 'null');
}
