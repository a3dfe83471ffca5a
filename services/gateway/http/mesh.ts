/** The mesh over HTTP: what it offers, how it is, and how it lives. */
import type { FastifyInstance } from 'fastify';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { SAMPLERS, type SamplerEntry } from '#shared/diffusion/sampler-names.ts';
import { SCHEDULE_LABELS, SCHEDULE_NAMES } from '#shared/diffusion/schedule-names.ts';
import type { MeshWatch } from '../mesh-watch.ts';
import type { EventStreams } from './event-stream.ts';

/** What the routes of the mesh need. */
export interface MeshRouteParts {
  readonly status: () => Promise<MeshStatus>;
  readonly watch: MeshWatch;
}

/** Adds the routes. */
export function serveMesh(app: FastifyInstance, parts: MeshRouteParts & { readonly streams: EventStreams }): void {
  const { status, watch, streams } = parts;
  app.get('/v1/status', () => status());
  app.get('/v1/models', async () => {
    const { model } = await status();
    // OpenAI's form; when it was made nobody knows.
    return { object: 'list', data: [{ id: model, object: 'model', created: 0, owned_by: 'latentmesh' }] };
  });
  app.get('/v1/loras', async () => ({ loras: (await status()).loras }));
  app.get('/v1/controlnets', async () => ({ controlnets: (await status()).controlnets }));
  app.get('/v1/samplers', async () => ({ samplers: SAMPLERS.map(describeSampler) }));
  app.get('/v1/schedules', async () => ({
    schedules: SCHEDULE_NAMES.map((name) => ({ name, label: SCHEDULE_LABELS[name] })),
  }));
  app.get('/v1/mesh/events', (_, reply) => {
    let stopWatching = (): void => {};
    const stream = streams.open(reply, () => stopWatching());
    stopWatching = watch.watch((snapshot) => stream.send({ event: 'mesh', data: snapshot }));
  });
}

/** With what fields of a request mean something to it. */
function describeSampler({ label, aliases, hasSchedules, eta }: SamplerEntry): object {
  return { name: label, aliases, has_schedules: hasSchedules === true, ...(eta !== undefined && { eta }) };
}
