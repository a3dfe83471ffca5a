/** An operation of an actor: who answers it, under which name, and the schemas of both bodies. */
import type { z } from 'zod';
import type { Role } from './heartbeat.ts';

/** See the head of this file. `Given` is a request as its caller writes it, before defaults. */
export interface Operation<Request, Reply, Given = unknown> {
  readonly role: Role;
  readonly name: string;
  readonly request: z.ZodType<Request, Given>;
  readonly reply: z.ZodType<Reply>;
}

/** Joins the parts of an operation; the types of both bodies follow from the schemas. */
export function operation<Request, Reply, Given>(
  role: Role,
  name: string,
  schemas: { readonly request: z.ZodType<Request, Given>; readonly reply: z.ZodType<Reply> },
): Operation<Request, Reply, Given> {
  return { role, name, ...schemas };
}

/** Any operation, as far as its schemas go. */
export interface AnyOperation {
  readonly request: z.ZodType;
  readonly reply: z.ZodType;
}

/** The checked body of an operation's request. */
export type RequestOf<O extends AnyOperation> = z.infer<O['request']>;
/** The body of an operation's reply. */
export type ReplyOf<O extends AnyOperation> = z.infer<O['reply']>;
