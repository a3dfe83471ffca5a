/** What is known of whoever asks: the trace that it belongs to, and whether it is still there. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MeshError } from '#shared/errors/errors.ts';
import { CLIENT_HEADER } from '../desk.ts';
import { clientOf } from './keys.ts';

/** A client that goes away gives up its job. */
export function abortOnDisconnect({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!raw.writableFinished) controller.abort(new MeshError('CANCELLED', 'The client went away.'));
  };
  if (raw.destroyed) onClose();
  else raw.once('close', onClose);
  return controller.signal;
}

/** The caller's trace, and the client that its API key names, as headers of a message. */
export function traceContext(request: FastifyRequest): Record<string, string> {
  const { traceparent } = request.headers;
  const client = clientOf(request);
  return {
    ...(typeof traceparent === 'string' && { traceparent }),
    ...(client !== undefined && { [CLIENT_HEADER]: client }),
  };
}

/** `http://host:port`: this server, as the caller knows it. */
export function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`;
}
