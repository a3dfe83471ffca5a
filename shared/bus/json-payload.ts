/** JSON in payloads, as people send it. */
import { MeshError } from '#shared/errors/errors.ts';

const [COMMA, BRACKET, BRACE] = Buffer.from(',[{') as unknown as [number, number, number];
/**
 * Values of one payload, counted by what stands before them (in texts too, where a prompt may have some thousands). Building
 * millions of them takes seconds in which the process does nothing else.
 */
const MAX_VALUES = 250_000;

/**
 * The value in a payload; an empty payload is an empty object, so that `nats request latentmesh.v1.status ''` works.
 * @throws MeshError INVALID_JSON, with `details.position` (characters) where the parser names one
 */
export function parseJson(payload: Uint8Array): unknown {
  if (payload.byteLength === 0) return {};
  if (hasTooManyValues(payload)) {
    throw new MeshError('INVALID_JSON', `The payload has more than ${MAX_VALUES} values; no request needs as many.`);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (cause) {
    throw invalidJson(cause as Error);
  }
}

function hasTooManyValues(payload: Uint8Array): boolean {
  if (payload.byteLength < MAX_VALUES) return false;
  let count = 0;
  for (const byte of payload) if (byte === COMMA || byte === BRACKET || byte === BRACE) count++;
  return count > MAX_VALUES;
}

/** A TypeError is the decoder's: the bytes are no UTF-8. */
function invalidJson(cause: Error): MeshError {
  const why = cause instanceof SyntaxError ? cause.message : 'it is no UTF-8 text';
  const position = /at position (\d+)/.exec(why)?.[1];
  const details = position === undefined ? {} : { position: Number(position) };
  return new MeshError('INVALID_JSON', `The payload is no JSON: ${why}.`, details, { cause });
}

/** The payload that says a value; `undefined` is said as null. */
export function toJson(body: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(body) ?? 'null');
}
