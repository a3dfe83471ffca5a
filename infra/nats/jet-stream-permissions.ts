/** Subjects of JetStream's API that the mesh uses. Source: docs.nats.io/reference/reference-protocols/nats_api_reference */
import { CHECKPOINT_STREAM } from '#shared/bus/checkpoint-stream.ts';

const QUEUE = 'LATENTMESH_QUEUE';
const RECORDS = 'KV_LATENTMESH_JOBS_STATE';
const RESULTS = 'OBJ_LATENTMESH_RESULTS';
const STREAMS = [QUEUE, RECORDS, RESULTS, 'LATENTMESH_DEAD', 'LATENTMESH_SPANS', CHECKPOINT_STREAM];

/** A denoiser reads what a job has computed so far. */
export const READ_CHECKPOINTS: readonly string[] = [`$JS.API.STREAM.MSG.GET.${CHECKPOINT_STREAM}`];

/** A client reads pictures that do not fit into a message. */
export const READ_RESULTS: readonly string[] = [
  '$JS.API.INFO', // the client library asks it first
  `$JS.API.STREAM.INFO.${RESULTS}`,
  `$JS.API.STREAM.MSG.GET.${RESULTS}`,
  `$JS.API.DIRECT.GET.${RESULTS}.>`,
];

/** A gateway makes the streams, takes jobs, and keeps records and pictures. It deletes no stream. */
export const GATEWAY_STORE: readonly string[] = [
  '$JS.API.INFO',
  '$JS.API.STREAM.LIST',
  ...STREAMS.flatMap((stream) =>
    ['CREATE', 'UPDATE', 'INFO', 'MSG.GET'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`),
  ),
  ...[RECORDS, RESULTS].flatMap((stream) => [`$JS.API.DIRECT.GET.${stream}`, `$JS.API.DIRECT.GET.${stream}.>`]),
  `$JS.API.STREAM.PURGE.${RESULTS}`, // a picture that is written anew
  ...[QUEUE, RECORDS].flatMap((stream) => [
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.LIST.${stream}`,
  ]),
  `$JS.API.CONSUMER.DELETE.${RECORDS}.*`, // those that list the keys
  `$JS.API.CONSUMER.MSG.NEXT.${QUEUE}.*`,
  `$JS.ACK.${QUEUE}.>`,
  `$JS.ACK.*.*.${QUEUE}.>`, // with domain and account before it, on newer servers
  `$JS.FC.${RECORDS}.>`,
  '$KV.LATENTMESH_JOBS_STATE.>',
  '$O.LATENTMESH_RESULTS.>',
];
