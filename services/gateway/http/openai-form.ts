/** OpenAI's multipart forms as the JSON that would say the same: files become base64, numbers numbers. */
import '@fastify/multipart'; // for the type of request.parts
import type { FastifyRequest } from 'fastify';
import { MAX_IMAGE_BYTES } from '#shared/contracts/limits.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { maskOfAlpha } from '#shared/image/alpha-mask.ts';
import { ImagesRequest } from './openai.ts';

/** Bounds of a form, for the parser. */
export const FORM_LIMITS = {
  files: 4,
  fields: 60,
  fileSize: MAX_IMAGE_BYTES,
  fieldSize: 4 * MAX_IMAGE_BYTES,
  parts: 64,
} as const;

/** A form, read. */
export interface ImagesForm {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The picture to start from. */
  readonly image: Uint8Array;
  /** White where it is to be painted anew. */
  readonly mask: Uint8Array | undefined;
}

/** @throws MeshError INVALID_REQUEST, INVALID_IMAGE, UNSUPPORTED_OPTION */
export async function readForm(request: FastifyRequest): Promise<ImagesForm> {
  const fields: Record<string, unknown> = {};
  const files = new Map<string, Uint8Array>();
  for await (const part of request.parts()) {
    const name = part.fieldname.replace(/\[\]$/, '');
    if (part.type === 'field') fields[name] = fieldValue(name, String(part.value));
    else keep(files, name, new Uint8Array(await part.toBuffer()));
  }
  const image = files.get('image');
  if (!image)
    throw new MeshError('INVALID_REQUEST', 'image is missing: send it as a file of the form.', { path: 'image' });
  const mask = files.get('mask');
  return { fields, image, mask: mask ? await paintedMask(mask) : await maskOfAlpha(image, 'image') };
}

function keep(files: Map<string, Uint8Array>, name: string, bytes: Uint8Array): void {
  if (name !== 'image' && name !== 'mask') {
    throw new MeshError('INVALID_REQUEST', `${name.slice(0, 100)} is no file of this form: image and mask are.`, {
      path: name,
    });
  }
  if (files.has(name)) {
    throw new MeshError('UNSUPPORTED_OPTION', `One ${name} only: pictures are not composed of several.`, {
      path: name,
    });
  }
  files.set(name, bytes);
}

/** OpenAI's masks are transparent where it is to be painted. */
async function paintedMask(bytes: Uint8Array): Promise<Uint8Array> {
  const mask = await maskOfAlpha(bytes, 'mask');
  if (mask) return mask;
  const text =
    'mask has no transparency: it has to be transparent where the picture is to be painted anew. A mask in black and white goes by mask_image.';
  throw new MeshError('INVALID_IMAGE', text, { path: 'mask' });
}

/** Text where the field takes text, else what it says as JSON: a form has no numbers. */
function fieldValue(name: string, text: string): unknown {
  const schema = Object.hasOwn(ImagesRequest.shape, name)
    ? ImagesRequest.shape[name as keyof typeof ImagesRequest.shape]
    : undefined;
  if (!schema || schema.safeParse(text).success) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
