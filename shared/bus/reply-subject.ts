/**
 * Where an answer may go. Whoever asks names the subject, and the one who answers publishes there with its own rights: without
 * a limit a stranger could have a gateway say things on the subjects of the mesh.
 */
import { MeshError } from '#shared/errors/errors.ts';

/** An inbox of the NATS clients, or of one of the identities of infra/nats/: `_INBOX.…`, `_INBOX_<identity>.…`. */
const INBOX = /^_INBOX(?:_[A-Za-z0-9-]+)?\.[^\s*>]+$/;

/** Whether an answer may be published there. */
export function isReplySubject(subject: string): boolean {
  return INBOX.test(subject);
}

/** @throws MeshError INVALID_REQUEST when no answer may be published there */
export function requireReplySubject(subject: string | undefined): void {
  if (subject === undefined || isReplySubject(subject)) return;
  throw new MeshError('INVALID_REQUEST', `Answers go to inboxes ("_INBOX." and what follows), not to "${subject}".`, {
    reply: subject,
  });
}
