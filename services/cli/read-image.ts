/** The pictures that a request takes along, from their files. */
import { readFile, stat } from 'node:fs/promises';
import { MAX_IMAGE_BYTES } from '#shared/contracts/limits.ts';
import { storedName } from '#shared/contracts/stored-image.ts';
import { MeshError } from '#shared/errors/errors.ts';

/** A file in base64; or, unread, the name of a picture that the mesh keeps. @throws MeshError FILE_UNREADABLE, IMAGE_TOO_LARGE before it is read */
export async function readImage(file: string): Promise<string> {
  if (storedName(file) !== undefined) return file;
  try {
    const { size } = await stat(file);
    if (size > MAX_IMAGE_BYTES) throw imageTooLarge(file, size);
    return (await readFile(file)).toString('base64');
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError('FILE_UNREADABLE', `${file} cannot be read: ${(cause as Error).message}`, { file }, { cause });
  }
}

function imageTooLarge(file: string, bytes: number): MeshError {
  const text = `${file} has ${bytes} bytes, ${MAX_IMAGE_BYTES} are allowed: take a smaller picture.`;
  return new MeshError('IMAGE_TOO_LARGE', text, { file, bytes, limit: MAX_IMAGE_BYTES });
}
