/** An operation of an actor: who answers it, under which name, and the schemas of both bodies. */
import type { z } from 'zod';
import type { Role } from './heartbeat.ts';

/** See the head of this file. */
export interface Operation<Request, Reply> {
  readonly role: Role;
  readonly name: string;
  readonly request: z.ZodType<Request>;
  readonly reply: z.ZodType<Reply>;
}

/** Joins the parts of an operation; the types of both bodies follow from the schemas. */
export function operation<Request, Reply>(
  role: Role,
  name: string,
  schemas: { readonly request: z.ZodType<Request>; readonly reply: z.ZodType<Reply> },
): Operation<Request, Reply> {
  return { role, name, ...schemas };
}

/** The checked body of an operation's request. */
export type RequestOf<O extends { readonly request: z.ZodType }> = z.infer<O['request']>;
/** The body of an operation's reply. */
export type ReplyOf<O extends { readonly reply: z.ZodType }> = z.infer<O['reply']>;
