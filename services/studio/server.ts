/** The gateway's HTTP as the studio sees it: its answers, its errors, and nothing of what is on the page. */
import type { Timings, Warning } from '#shared/contracts/generate.ts';
import type { JobState } from '#shared/contracts/jobs.ts';

/** A finished picture. */
export interface ServedImage {
  readonly url: string;
  readonly seed: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** A1111's text of the parameters. */
  readonly parameters: string;
}

/** What the gateway tells of an error; `field` where one field of the request is to blame. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A job as the gateway keeps it. */
export interface ServedJob {
  readonly job: string;
  readonly state: JobState;
  readonly trace_id?: string;
  readonly created_unix_ms: number;
  readonly request?: Readonly<Record<string, unknown>>;
  readonly result?: {
    readonly images: readonly ServedImage[];
    readonly warnings: readonly Warning[];
    readonly timings?: Timings;
    readonly lora_entered_step?: number;
  };
  readonly error?: ErrorBody;
}

/** A span of a trace. Times are ms, from any common zero. */
export interface ServedSpan {
  readonly id?: string;
  readonly parent?: string | null;
  readonly name: string;
  readonly service: string;
  readonly instance: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Why a job took so long, in words, and its time by causes, the largest first. */
export interface ServedWhy {
  readonly text: string;
  readonly total_ms: number;
  readonly shares: readonly { readonly cause: string; readonly share: number }[];
}

/** An answer that is no success, or no answer at all (`OFFLINE`). */
export class ServerError extends Error {
  readonly body: ErrorBody;
  readonly status: number;

  constructor(body: ErrorBody, status: number) {
    super(body.message);
    this.body = body;
    this.status = status;
  }
}

/** What is told when nothing answers. */
export const OFFLINE: ErrorBody = {
  code: 'OFFLINE',
  message: 'The gateway does not answer. The studio asks again by itself; `npm start` starts a mesh.',
};

/** One request with JSON both ways. @throws ServerError */
export async function ask<Reply>(method: string, path: string, body?: unknown): Promise<Reply> {
  const response = await send(method, path, body);
  return (await response.json()) as Reply;
}

/** One request whose answer is a picture. @throws ServerError */
export async function askForImage(path: string, body: unknown, signal: AbortSignal): Promise<Blob> {
  return (await send('POST', path, body, signal)).blob();
}

async function send(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(path, {
    method,
    ...(signal && { signal }),
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  }).catch((thrown: unknown) => {
    if (signal?.aborted) throw thrown;
    throw new ServerError(OFFLINE, 0);
  });
  if (!response.ok) throw new ServerError(await errorOf(response), response.status);
  return response;
}

async function errorOf(response: Response): Promise<ErrorBody> {
  const fallback = { code: 'INTERNAL', message: `The gateway answered ${response.status}.` };
  const body = (await response.json().catch(() => undefined)) as { error?: RawError } | undefined;
  return body?.error ? withField(body.error) : fallback;
}

type RawError = ErrorBody & { readonly param?: string | null };

/** The path of the field may stand in `field`, or in the first problem of a request that does not fit. */
export function withField({ param, ...error }: RawError): ErrorBody {
  const problems = error.details?.problems;
  const [first] = Array.isArray(problems) ? (problems as { path?: string; message?: string }[]) : [];
  const field = error.field ?? first?.path ?? param ?? (error.details?.path as string | undefined);
  return field ? { ...error, field } : error;
}

/** Whatever was thrown, as an error that can be shown. */
export function bodyOf(thrown: unknown): ErrorBody {
  if (thrown instanceof ServerError) return thrown.body;
  return { code: 'INTERNAL', message: thrown instanceof Error ? thrown.message : String(thrown) };
}
