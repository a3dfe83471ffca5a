/** ControlNet images that are too large for a message go ahead into the object store; the request then names them. */
import type { NatsTransport } from '#shared/bus/nats-transport.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';

/** Below it all images stay in the request: half of a message, as everywhere in the mesh. */
const MAX_REQUEST_BYTES = 512 * 1024;

/** The request, with its images stored when it would be too large. @throws MeshError BUS_UNAVAILABLE, QUEUE_FULL */
export async function withStoredImages(request: GenerateInput, { connection }: NatsTransport): Promise<GenerateInput> {
  const { controlnets = [] } = request;
  if (Buffer.byteLength(JSON.stringify(request)) < MAX_REQUEST_BYTES) return request;
  const { openResultStore } = await import('#shared/bus/object-store.ts');
  const store = await openResultStore(connection);
  const stored = controlnets.map(async (unit, i) => {
    const name = `${request.job}-image-${i}`;
    await store.put(name, Buffer.from(unit.image, 'base64'));
    return { ...unit, image: `object:${name}` };
  });
  return { ...request, controlnets: await Promise.all(stored) };
}
