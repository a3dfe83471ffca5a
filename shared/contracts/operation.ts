/** An operation of an actor: who answers it, under which name, and the schemas of both bodies. */
import type { z } from 'zod';
import type { Role } from './heartbeat.ts';

export interface Operation<Request, Reply> {
  readonly role: Role;
  readonly name: string;
  readonly request: z.ZodType<Request>;
  readonly reply: z.ZodType<Reply>;
}

export function operation<Request, Reply>(
  role: Role,
  name: string,
  schemas: { readonly request: z.ZodType<Request>; readonly reply: z.ZodType<Reply> },
): Operation<Request, Reply> {
  return { role, name, ...schemas };
}
