/** Who may know whom, as data. The same table in words, with the reasons, is in docs/architecture.md. */

/** Areas of `shared/`, lower rows first: an area may import itself and what its row names, an area or a single file. */
export const AREAS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  tensor: ['errors'],
  config: ['errors', 'tensor'],
  telemetry: ['errors', 'tensor', 'contracts/span.ts', 'contracts/metrics.ts'],
  wire: ['errors', 'tensor'],
  graph: ['errors', 'tensor'],
  checkpoint: ['errors', 'tensor'],
  diffusion: ['errors', 'tensor'],
  image: ['errors', 'tensor'],
  actor: ['errors', 'tensor'],
  session: ['errors', 'tensor', 'config', 'graph/graph-model.ts', 'telemetry'],
  bus: ['errors', 'tensor', 'wire', 'telemetry', 'contracts/span.ts'],
  contracts: ['errors', 'tensor', 'wire', 'bus/subjects.ts'],
  placement: ['errors', 'tensor', 'wire', 'telemetry', 'bus', 'contracts'],
  adapters: ['errors', 'tensor', 'telemetry', 'session', 'contracts', 'placement'],
  client: ['errors', 'bus', 'contracts'],
  service: ['errors', 'tensor', 'config', 'telemetry', 'wire', 'actor', 'session', 'bus', 'contracts', 'placement'],
};

/**
 * What a service may import besides shared and itself, file by file. The command line runs where infra does: it finds the
 * mesh that `npm start` left running by the state file, and starts one of its own.
 */
export const SERVICE_EXTRAS: Readonly<Record<string, readonly string[]>> = {
  cli: ['infra/doctor/checks.ts', 'infra/doctor/finding.ts', 'infra/is-alive.ts', 'infra/mesh/state-file.ts'],
};

/** Folders whose files are no part of the product: they may import anything. */
export const OUTSIDE_PRODUCT = ['test/', 'scripts/', 'benchmarks/', 'loadtest/', 'vitest.config.ts'];

/** The folders that may import a package; a name ending in `/` stands for its whole scope, '' for the whole product. */
export const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@fastify/': ['services/gateway/'],
  '@nats-io/': ['shared/bus/'],
  '@opentelemetry/': ['shared/telemetry/'],
  '@preact/': ['services/studio/'],
  '@scalar/': ['services/gateway/'],
  commander: ['services/cli/'],
  fastify: ['services/gateway/'],
  'lru-cache': [''],
  msgpackr: ['shared/wire/'],
  'onnxruntime-node': ['shared/session/'],
  pino: ['shared/telemetry/'],
  preact: ['services/studio/'],
  sharp: ['shared/image/'],
  vite: ['infra/studio/'],
  zod: ['shared/contracts/', 'shared/config/', 'services/gateway/'],
};
