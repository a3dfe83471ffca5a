/** Errors over HTTP: each API has them in its own form, also those that the HTTP server itself refuses. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorBody } from '#shared/contracts/jobs.ts';
import { MAX_BODY_BYTES, MAX_IMAGE_BYTES } from '#shared/contracts/limits.ts';
import { MeshError, type WireError } from '#shared/errors/errors.ts';
import { a1111Error } from './a1111/response.ts';
import { fieldOf, toErrorResponse } from './openai.ts';

/** Seconds a client should wait when the queue is full: about one job. */
const RETRY_AFTER_SECONDS = 2;
/** Characters of an address that are told. */
const MAX_URL_CHARS = 200;

/** Fastify's codes that have a status of their own, with what to tell. */
const FASTIFY_ERRORS: Readonly<Record<string, () => { error: MeshError; status?: number }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => ({
    error: new MeshError(
      'PAYLOAD_TOO_LARGE',
      `The body is larger than ${MAX_BODY_BYTES} bytes: send fewer or smaller pictures in one request.`,
      { limit: MAX_BODY_BYTES },
    ),
  }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => ({
    error: new MeshError('INVALID_REQUEST', 'Send JSON, with the header "content-type: application/json".'),
    status: 415,
  }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => ({
    error: new MeshError('INVALID_REQUEST', 'The body is not as long as its content-length says.'),
  }),
  FST_REQ_FILE_TOO_LARGE: () => ({
    error: new MeshError(
      'IMAGE_TOO_LARGE',
      `A file of the form has more than ${MAX_IMAGE_BYTES} bytes: send a smaller one.`,
      {
        limit: MAX_IMAGE_BYTES,
      },
    ),
  }),
  FST_FILES_LIMIT: () => ({ error: tooManyParts() }),
  FST_FIELDS_LIMIT: () => ({ error: tooManyParts() }),
  FST_PARTS_LIMIT: () => ({ error: tooManyParts() }),
  FST_INVALID_MULTIPART_CONTENT_TYPE: () => ({
    error: new MeshError('INVALID_REQUEST', 'Send a form, with the header "content-type: multipart/form-data".'),
    status: 415,
  }),
  FST_ERR_BAD_URL: () => ({ error: new MeshError('INVALID_REQUEST', 'The address is no well-formed URL.') }),
};

function tooManyParts(): MeshError {
  return new MeshError('INVALID_REQUEST', 'The form has too many files or fields.');
}

/** Answers with what a handler, or fastify before it, threw. */
export function replyThrown(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = FASTIFY_ERRORS[(thrown as { code?: string }).code ?? ''];
  return replyError(reply, request, known?.() ?? refusal(thrown) ?? { error: MeshError.from(thrown) });
}

/** What else fastify finds wrong with a request, in its words: the method QUERY without a type of content, for one. */
function refusal(thrown: unknown): { error: MeshError; status: number } | undefined {
  const {
    code = '',
    statusCode = 500,
    message = '',
  } = thrown as { code?: string; statusCode?: number; message?: string };
  if (!code.startsWith('FST_') || statusCode >= 500) return undefined;
  return { error: new MeshError('INVALID_REQUEST', message), status: statusCode };
}

/** Answers with an error, in the form of the API that was asked. */
export function replyError(
  reply: FastifyReply,
  request: FastifyRequest,
  { error, status = error.status }: { readonly error: MeshError; readonly status?: number },
): FastifyReply {
  if (error.retry === 'later') {
    void reply.header('retry-after', String(error.details.retry_after_s ?? RETRY_AFTER_SECONDS));
  }
  // The OpenAI SDK retries 409 by itself; whether that helps is ours to say.
  void reply.header('x-should-retry', String(error.retry !== 'never'));
  return reply.code(status).type('application/json').send(formOf(request.url)(error.toWire()));
}

function formOf(url: string): (error: WireError) => unknown {
  if (/^\/(sdapi|controlnet)\//.test(url)) return a1111Error;
  return url.startsWith('/v1/images/') ? toErrorResponse : nativeError;
}

/** Our own form. */
export function nativeError({ code, message, details }: ErrorBody): { readonly error: object } {
  const field = fieldOf(details ?? {});
  return { error: { code, message, ...(field !== null && { field }), ...(details && { details }) } };
}

/** What is told of an address that nothing listens at. */
export function noSuchAddress({ method, url }: FastifyRequest): MeshError {
  return new MeshError('INVALID_REQUEST', `There is no ${method} ${url.slice(0, MAX_URL_CHARS)}.`);
}

/** What the server refuses before it is a request, by its code. */
const CLIENT_ERRORS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not come in time.'],
  HPE_HEADER_OVERFLOW: [431, 'The headers are too long.'],
};

/** Answers what is no request, or came too slowly, and closes the connection. */
export function refuseClient(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, message] = CLIENT_ERRORS[error.code ?? ''] ?? [400, 'This is no HTTP/1.1 request.'];
  const body = JSON.stringify(nativeError(new MeshError('INVALID_REQUEST', message).toWire()));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}
