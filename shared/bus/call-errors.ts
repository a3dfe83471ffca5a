/** How a call fails on its caller's side when the callee says nothing. */
import { MeshError } from '#shared/errors/errors.ts';

/** What is known of the callee; `instance` once it has accepted. */
export interface CalleeFacts {
  readonly subject: string;
  readonly instance?: string;
}

/** NO_ACTOR: nobody has subscribed to the subject. */
export function noActor(subject: string): MeshError {
  const text = `Nobody serves ${subject}. Is such an actor running? \`latentmesh status\` shows.`;
  return new MeshError('NO_ACTOR', text, { subject });
}

/** ACTOR_LOST: the callee accepted, and is not there any more. */
export function actorLost(facts: CalleeFacts): MeshError {
  return new MeshError('ACTOR_LOST', `The instance that worked on ${facts.subject} is gone.`, { ...facts });
}

/** DEADLINE_EXCEEDED: the callee did not answer in time. */
export function deadlineExceeded(facts: CalleeFacts): MeshError {
  return new MeshError('DEADLINE_EXCEEDED', `${facts.subject} did not answer before the deadline.`, { ...facts });
}

/** BUS_UNAVAILABLE: the request never left. */
export function busUnavailable(subject: string): MeshError {
  return new MeshError('BUS_UNAVAILABLE', 'There was no connection to NATS until the deadline.', { subject });
}
