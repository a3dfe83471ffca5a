/** Where a job starts, at the door: pictures are made and stored, defaults filled in. */
import { createHash } from 'node:crypto';
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { GenerateRequest, Warning } from '#shared/contracts/generate.ts';
import { MAX_PIXELS, MAX_SEED, SIDE_MULTIPLE } from '#shared/contracts/limits.ts';
import type { Picture } from '#shared/image/picture.ts';
import { encodePng } from '#shared/image/png.ts';
import type { Size } from '#shared/image/resize.ts';
import type { AdmittedHires, AdmittedStart } from './admitted-start.ts';
import type { AdmittedJob } from './job.ts';
import { type StartPictures, type StartRequest, startPictures } from './start-image.ts';
import { DEFAULT_STRENGTH } from './start-rules.ts';
import { invalidRequest } from './validation.ts';

/** Hex digits of a file's digest in its name: enough to tell the files of one job id apart. */
const DIGEST_DIGITS = 16;

/** A1111's. */
const DEFAULTS = { mask_blur: 4, inpaint_full_res_padding: 32, hires_scale: 2 } as const;

/** What a job starts from, and the size that follows from it. */
export interface StartOfJob {
  readonly size: Size;
  readonly start: AdmittedStart;
}

/**
 * Makes the pictures and stores them under the job's name; undefined for a job that starts from noise.
 * @throws MeshError INVALID_IMAGE, IMAGE_TOO_LARGE, INVALID_REQUEST
 */
export async function admitStart(
  request: GenerateRequest,
  { job, modelSize, files }: { readonly job: string; readonly modelSize: Size; readonly files: ResultStore },
): Promise<StartOfJob | undefined> {
  if (request.init_image === undefined) return undefined;
  const filled: StartRequest = {
    ...request,
    init_image: request.init_image,
    resize_mode: request.resize_mode ?? 'stretch',
    mask_blur: request.mask_blur ?? DEFAULTS.mask_blur,
    inpaint_fill: request.inpaint_fill ?? 'original',
    inpaint_full_res_padding: request.inpaint_full_res_padding ?? DEFAULTS.inpaint_full_res_padding,
  };
  const pictures = await startPictures(filled, modelSize, files);
  const store = (kind: string, picture: Picture): Promise<string> => storePicture(files, `${job}-${kind}`, picture);
  const isPutBack = request.inpaint_full_res === true || request.keep_unmasked !== false;
  const start = {
    image: await store('init', pictures.image),
    strength: request.strength ?? DEFAULT_STRENGTH,
    resize_mode: filled.resize_mode,
    ...(request.outpaint && { outpaint: request.outpaint }),
    ...(pictures.masked && { mask: await admitMask(filled, pictures.masked, isPutBack, store) }),
  };
  return { size: pictures.size, start };
}

async function admitMask(
  request: StartRequest,
  { mask, around }: NonNullable<StartPictures['masked']>,
  isPutBack: boolean,
  store: (kind: string, picture: Picture) => Promise<string>,
): Promise<AdmittedStart['mask']> {
  const { mask_blur, mask_invert = false, inpaint_fill, inpaint_full_res, inpaint_full_res_padding } = request;
  return {
    image: await store('mask', mask),
    mask_blur,
    mask_invert,
    inpaint_fill,
    ...(inpaint_full_res && { inpaint_full_res_padding }),
    ...(isPutBack && {
      around: {
        picture: await store('around', around.picture),
        mask: await store('around-mask', around.mask),
        region: around.region,
      },
    }),
  };
}

/** The digest is in the name, so that another request under the same job id cannot change a file that waits. */
export async function storePicture(files: ResultStore, name: string, picture: Picture): Promise<string> {
  return storeFile(files, name, await encodePng(picture));
}

/** The same of a picture that is a PNG already. */
export async function storeFile(files: ResultStore, name: string, png: Uint8Array): Promise<string> {
  const digest = createHash('sha256').update(png).digest('hex').slice(0, DIGEST_DIGITS);
  const stored = `${name}-${digest}.png`;
  await files.put(stored, png);
  return stored;
}

/** The second run of a job of that size. @throws MeshError INVALID_REQUEST when it is no larger, or too large */
export function admitHires({ hires, steps }: GenerateRequest, size: Size): AdmittedHires | undefined {
  if (!hires) return undefined;
  const { scale = DEFAULTS.hires_scale, strength, upscaler } = hires;
  const scaled = (side: number): number => Math.floor((side * scale) / SIDE_MULTIPLE) * SIDE_MULTIPLE;
  const { width = scaled(size.width), height = scaled(size.height) } = hires;
  const path = hires.width === undefined ? 'hires.scale' : 'hires.width';
  if (width < size.width || height < size.height || width * height === size.width * size.height) {
    const message = `makes ${width} × ${height} of ${size.width} × ${size.height}: the second run has to be larger`;
    throw invalidRequest([{ path, message }]);
  }
  if (width * height > MAX_PIXELS) {
    throw invalidRequest([{ path, message: `makes ${width} × ${height}, ${MAX_PIXELS} pixels are allowed` }]);
  }
  return { width, height, steps: hires.steps ?? steps, strength, upscaler };
}

/** Steps of the whole schedule whose last `steps` are run: A1111 counts those of a second run so. */
export function scheduleOf({ steps, strength }: Pick<AdmittedHires, 'steps' | 'strength'>): number {
  return Math.max(Math.trunc(steps / strength), steps);
}

/** With a variation `seed` stays and `subseed` counts up, as A1111 does it. */
export function admitVariation(request: GenerateRequest, job: string, batch: number): AdmittedJob['variation'] {
  const { subseed_strength: strength = 0, seed_resize_from: from } = request;
  if (strength === 0 && !from) return undefined;
  const first = request.subseed ?? createHash('sha256').update(`${job} subseed`).digest().readUInt32LE(0);
  const most = MAX_SEED - (batch - 1);
  if (first > most)
    throw invalidRequest([{ path: 'subseed', message: `must be at most ${most} for ${batch} pictures` }]);
  return { strength, subseeds: Array.from({ length: batch }, (_, i) => first + i), ...(from && { from }) };
}

/** Told rather than refused: A1111 sends both whatever they are. */
export function warnOfVariation({ subseed, subseed_strength }: GenerateRequest): Warning[] {
  if (subseed === undefined || subseed_strength) return [];
  return [{ field: 'subseed', message: 'subseed has no effect: subseed_strength is 0.' }];
}
