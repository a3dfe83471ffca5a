/**
 * Every subject of the mesh, from one place.
 *
 *   latentmesh.v1.generate                          people: JSON in, JSON out
 *   latentmesh.v1.{cancel|jobs|trace|status}        people: JSON in, JSON out
 *   latentmesh.v1.metrics                           every process answers with its counters, JSON
 *   latentmesh.v1.events.<job>                      progress of a job, JSON
 *   latentmesh.v1.previews.<job>                    small pictures on the way, msgpack; a gateway makes events of them
 *   latentmesh.v1.actor.<role>.<operation>          any instance of a role (queue group = role)
 *   latentmesh.v1.actor.<role>.<operation>.<id>     this instance
 *   latentmesh.v1.heartbeat.<role>.<id>             every second, msgpack
 *   latentmesh.v1.call.<call>                       its caller looks for it: whichever instance holds <call> answers, or drops it
 *   latentmesh.v1.spans.<trace>                     finished spans, kept in a bounded stream
 *   latentmesh.v1.queue.<class>.<lane>              accepted jobs (JetStream work queue)
 *   latentmesh.v1.checkpoint.<job>                  what a job has computed so far, msgpack and tensors, kept in a bounded stream
 *   latentmesh.v1.dead                              jobs that the mesh gave up, with the reason, JSON, kept for a week
 *   latentmesh.v1.bell                              a job has come into the queue, no payload
 *
 * Tokens are [A-Za-z0-9_-]+; `token()` refuses anything else, so no name from outside can reach another subject.
 */
import { MeshError } from '#shared/errors/errors.ts';

const PREFIX = 'latentmesh.v1';

/** Whether a name may stand between two dots of a subject. */
export function isToken(value: string): boolean {
  return /^[A-Za-z0-9_-]{1,128}$/.test(value);
}

function token(value: string): string {
  if (!isToken(value)) {
    throw new MeshError('INVALID_REQUEST', `"${value}" cannot stand in a subject: letters, digits, "_" and "-" only.`);
  }
  return value;
}

/** See the head of this file. @throws MeshError INVALID_REQUEST for what cannot stand in a subject */
export const subjects = {
  generate: `${PREFIX}.generate`,
  cancel: `${PREFIX}.cancel`,
  jobs: `${PREFIX}.jobs`,
  trace: `${PREFIX}.trace`,
  status: `${PREFIX}.status`,
  metrics: `${PREFIX}.metrics`,
  queue: (priority: string, lane: string): string => `${PREFIX}.queue.${token(priority)}.${token(lane)}`,
  allQueued: `${PREFIX}.queue.*.*`,
  bell: `${PREFIX}.bell`,
  /** Previews as pixels, for a gateway to make events of. */
  previews: (job: string): string => `${PREFIX}.previews.${token(job)}`,
  allPreviews: `${PREFIX}.previews.*`,
  events: (job: string): string => `${PREFIX}.events.${token(job)}`,
  allEvents: `${PREFIX}.events.*`,
  role: (role: string, operation: string): string => `${PREFIX}.actor.${token(role)}.${token(operation)}`,
  instance: (role: string, operation: string, id: string): string =>
    `${PREFIX}.actor.${token(role)}.${token(operation)}.${token(id)}`,
  heartbeat: (role: string, id: string): string => `${PREFIX}.heartbeat.${token(role)}.${token(id)}`,
  heartbeats: `${PREFIX}.heartbeat.*.*`,
  call: (call: string): string => `${PREFIX}.call.${token(call)}`,
  calls: `${PREFIX}.call.*`,
  spans: (traceId: string): string => `${PREFIX}.spans.${token(traceId)}`,
  allSpans: `${PREFIX}.spans.*`,
  checkpoint: (job: string): string => `${PREFIX}.checkpoint.${token(job)}`,
  allCheckpoints: `${PREFIX}.checkpoint.*`,
  dead: `${PREFIX}.dead`,
} as const;
