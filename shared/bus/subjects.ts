/**
 * Every subject of the mesh, from one place.
 *
 *   latentmesh.v1.generate                          people: JSON in, JSON out
 *   latentmesh.v1.{cancel|jobs|status}              people: JSON in, JSON out
 *   latentmesh.v1.events.<job>                      progress of a job, JSON
 *   latentmesh.v1.actor.<role>.<operation>          any instance of a role (queue group = role)
 *   latentmesh.v1.actor.<role>.<operation>.<id>     this instance
 *   latentmesh.v1.heartbeat.<role>.<id>             every second, msgpack
 *   latentmesh.v1.abort.<call>                      the caller of <call> gave up
 *   latentmesh.v1.transfer.<transfer>.{data|credit} chunks of a payload that is larger than a message, and credit for them
 *   latentmesh.v1.spans.<trace>                     finished spans, kept in a bounded stream
 *   latentmesh.v1.queue                             accepted jobs (JetStream work queue)
 *
 * Tokens are [A-Za-z0-9_-]+; `token()` refuses anything else, so no name from outside can reach another subject.
 */
import { MeshError } from '#shared/errors/errors.ts';

const PREFIX = 'latentmesh.v1';

function token(value: string): string {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(value)) {
    throw new MeshError('INVALID_REQUEST', `"${value}" cannot stand in a subject: letters, digits, "_" and "-" only.`);
  }
  return value;
}

export const subjects = {
  generate: `${PREFIX}.generate`,
  cancel: `${PREFIX}.cancel`,
  jobs: `${PREFIX}.jobs`,
  status: `${PREFIX}.status`,
  queue: `${PREFIX}.queue`,
  events: (job: string): string => `${PREFIX}.events.${token(job)}`,
  role: (role: string, operation: string): string => `${PREFIX}.actor.${token(role)}.${token(operation)}`,
  instance: (role: string, operation: string, id: string): string =>
    `${PREFIX}.actor.${token(role)}.${token(operation)}.${token(id)}`,
  heartbeat: (role: string, id: string): string => `${PREFIX}.heartbeat.${token(role)}.${token(id)}`,
  heartbeats: `${PREFIX}.heartbeat.*.*`,
  abort: (call: string): string => `${PREFIX}.abort.${token(call)}`,
  aborts: `${PREFIX}.abort.*`,
  transferData: (transfer: string): string => `${PREFIX}.transfer.${token(transfer)}.data`,
  transferCredit: (transfer: string): string => `${PREFIX}.transfer.${token(transfer)}.credit`,
  spans: (traceId: string): string => `${PREFIX}.spans.${token(traceId)}`,
  allSpans: `${PREFIX}.spans.*`,
} as const;
