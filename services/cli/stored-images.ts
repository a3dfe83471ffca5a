/** Images that are too large for a message go ahead into the object store; the request then names them. */
import type { NatsTransport } from '#shared/bus/nats-transport.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { storedImage, storedName } from '#shared/contracts/stored-image.ts';

/** Below it all images stay in the request: half of a message, as everywhere in the mesh. */
const MAX_REQUEST_BYTES = 512 * 1024;

/** The request, with its images stored when it would be too large. @throws MeshError BUS_UNAVAILABLE, QUEUE_FULL */
export async function withStoredImages(request: GenerateInput, { connection }: NatsTransport): Promise<GenerateInput> {
  const { controlnets = [], init_image, mask_image } = request;
  if (Buffer.byteLength(JSON.stringify(request)) < MAX_REQUEST_BYTES) return request;
  const { openResultStore } = await import('#shared/bus/object-store.ts');
  const store = await openResultStore(connection);
  const put = async (kind: string, base64: string): Promise<string> => {
    if (storedName(base64) !== undefined) return base64;
    const name = `${request.job}-${kind}`;
    await store.put(name, Buffer.from(base64, 'base64'));
    return storedImage(name);
  };
  const units = controlnets.map(async (unit, i) => ({ ...unit, image: await put(`image-${i}`, unit.image) }));
  return {
    ...request,
    ...(init_image !== undefined && { init_image: await put('image-init', init_image) }),
    ...(mask_image !== undefined && { mask_image: await put('image-mask', mask_image) }),
    controlnets: await Promise.all(units),
  };
}
