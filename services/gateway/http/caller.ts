/** What is known of whoever asks: the trace that it belongs to, and whether it is still there. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MeshError } from '#shared/errors/errors.ts';
import { type Caller, CLIENT_HEADER } from '../desk.ts';
import { clientOf, maxJobsOf } from './keys.ts';

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

/** The caller's trace, and the client that its API key names, as headers of a message; and how many jobs that client may have. */
export function callerOf(request: FastifyRequest): Caller {
  const { traceparent } = request.headers;
  const client = clientOf(request);
  const headers = {
    ...(typeof traceparent === 'string' && { traceparent }),
    ...(client !== undefined && { [CLIENT_HEADER]: client }),
  };
  const maxJobs = maxJobsOf(request);
  return { headers, ...(client !== undefined && maxJobs !== undefined && { limit: { client, maxJobs } }) };
}

/** `http://host:port`: this server, as the caller knows it. */
export function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`;
}
