/** The pictures of a request: in its JSON, or put into the object store before. */
import type { ResultStore } from '#shared/bus/object-store.ts';
import { storedName } from '#shared/contracts/stored-image.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { decodeBase64Image, decodeImage, requireImageBytes } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';

const OBJECT_NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/**
 * path     of the field that the text stands in
 * returns  u8 [H, W, 3]
 * @throws MeshError INVALID_IMAGE, IMAGE_TOO_LARGE, with the path of the field
 */
export async function readImageSource(image: string, path: string, files: ResultStore): Promise<Picture> {
  // Images that are larger than a message come by the object store.
  const name = storedName(image);
  if (name === undefined) return decodeBase64Image(image, path);
  if (!OBJECT_NAME.test(name)) throw noObject(path, `${JSON.stringify(name)} cannot be the name of an object`);
  const bytes = await files.sizeBytes(name);
  if (bytes === undefined) throw noObject(path, `there is no object "${name}" in ${files.bucket}, or no longer`);
  requireImageBytes(bytes, path);
  return decodeImage(await files.get(name), path);
}

function noObject(path: string, reason: string): MeshError {
  return new MeshError('INVALID_IMAGE', `${path} names no picture: ${reason}.`, { path, reason });
}
