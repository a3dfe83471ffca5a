/** The pictures that a job starts from, made at the door: decoded, brought to the job's size, masked, continued, filled. */
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { GenerateRequest } from '#shared/contracts/generate.ts';
import { MAX_PIXELS, MAX_SIDE, MIN_SIDE, SIDE_MULTIPLE } from '#shared/contracts/limits.ts';
import type { InpaintFill, Outpaint, ResizeMode } from '#shared/contracts/start.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { fillMasked } from '#shared/image/fill-masked.ts';
import { toGrey } from '#shared/image/grey.ts';
import { inverted, maskedRegion, type Region, widenedRegion } from '#shared/image/mask.ts';
import { outpainted } from '#shared/image/outpaint.ts';
import { type Picture, pictureSize, toRgb } from '#shared/image/picture.ts';
import { blurred, cropTo, fitTo, resizeTo, type Size } from '#shared/image/resize.ts';
import { readImageSource } from './image-source.ts';
import { invalidRequest } from './validation.ts';

/** The part of a request that is about them. */
export type StartRequest = Pick<
  GenerateRequest,
  'width' | 'height' | 'mask_image' | 'mask_invert' | 'outpaint' | 'inpaint_full_res'
> & {
  readonly init_image: string;
  readonly resize_mode: ResizeMode;
  readonly mask_blur: number;
  readonly inpaint_fill: InpaintFill;
  readonly inpaint_full_res_padding: number;
};

/** See the head of this file. */
export interface StartPictures {
  /** Of what is generated. */
  readonly size: Size;
  /** u8 [H, W, 3], of that size. */
  readonly image: Picture;
  readonly masked?: {
    /** u8 [H, W, 1] */
    readonly mask: Picture;
    /** What the result is put into, where, and how strongly (u8 [H₀, W₀, 1]). */
    readonly around: { readonly picture: Picture; readonly mask: Picture; readonly region: Region };
  };
}

/** Proportions of a mask that count as those of its picture: rounding of a scaled one. */
const PROPORTION_TOLERANCE = 0.01;

/**
 * modelSize  of a job that names none, where the picture's own is not what is generated
 * @throws MeshError INVALID_IMAGE, IMAGE_TOO_LARGE, INVALID_REQUEST with the path of the field
 */
export async function startPictures(
  request: StartRequest,
  modelSize: Size,
  files: ResultStore,
): Promise<StartPictures> {
  const picture = toRgb(await readImageSource(request.init_image, 'init_image', files));
  const mask = await readMask(request, pictureSize(picture), files);
  if (request.outpaint) return continued(picture, mask, request, request.outpaint);
  if (!mask) {
    const size = sizeOf(request, pictureSize(picture));
    return { size, image: await fitTo(picture, size, request.resize_mode) };
  }
  return request.inpaint_full_res ? maskedOnly(picture, mask, request, modelSize) : whole(picture, mask, request);
}

/** As it was sent; undefined when there is none. */
async function readMask(request: StartRequest, size: Size, files: ResultStore): Promise<Picture | undefined> {
  if (request.mask_image === undefined) return undefined;
  const mask = toGrey(await readImageSource(request.mask_image, 'mask_image', files));
  requireProportions(pictureSize(mask), size);
  return mask;
}

/** White where it is to be painted, at a size at which it may be looked through. */
async function fitMask(mask: Picture, size: Size, { resize_mode, mask_invert }: StartRequest): Promise<Picture> {
  const sized = await fitTo(mask, size, resize_mode);
  const fitted = mask_invert ? inverted(sized) : sized;
  if (maskedRegion(fitted)) return fitted;
  const colour = mask_invert ? 'white' : 'black';
  throw invalidRequest([{ path: 'mask_image', message: `is ${colour} everywhere: nothing would be painted anew` }]);
}

async function whole(picture: Picture, mask: Picture, request: StartRequest): Promise<StartPictures> {
  const size = sizeOf(request, pictureSize(picture));
  const image = await fitTo(picture, size, request.resize_mode);
  const soft = await blurred(await fitMask(mask, size, request), request.mask_blur);
  return inpainted(image, soft, { picture: image, mask: soft, region: { x: 0, y: 0, ...size } }, request);
}

/** A part at the size of a whole picture: details for which it has no pixels otherwise. */
async function maskedOnly(
  picture: Picture,
  mask: Picture,
  request: StartRequest,
  modelSize: Size,
): Promise<StartPictures> {
  const size = { width: request.width ?? modelSize.width, height: request.height ?? modelSize.height };
  const own = pictureSize(picture);
  if (own.width * own.height > MAX_PIXELS) throw tooManyPixels(own);
  const ownMask = await fitMask(mask, own, request);
  const region = widenedRegion(maskedRegion(ownMask)!, request.inpaint_full_res_padding, own, size);
  const soft = await blurred(ownMask, request.mask_blur);
  const image = await resizeTo(await cropTo(picture, region), size.height, size.width);
  const part = await resizeTo(await cropTo(soft, region), size.height, size.width);
  return inpainted(image, part, { picture, mask: soft, region }, request);
}

/** width and height are those of the whole, the picture has what the sides leave. */
async function continued(
  picture: Picture,
  mask: Picture | undefined,
  request: StartRequest,
  sides: Outpaint,
): Promise<StartPictures> {
  const [more, higher] = [sides.left + sides.right, sides.top + sides.bottom];
  const own = sizeOf({}, pictureSize(picture));
  const size = { width: request.width ?? own.width + more, height: request.height ?? own.height + higher };
  const inner = { width: size.width - more, height: size.height - higher };
  requireRoom(inner, size);
  const placed = await fitTo(picture, inner, request.resize_mode);
  const placedMask = mask && (await fitMask(mask, inner, request));
  const extended = outpainted(placed, placedMask, { ...sides, overlap: request.mask_blur });
  const soft = await blurred(extended.mask, request.mask_blur);
  return inpainted(
    extended.picture,
    soft,
    { picture: extended.picture, mask: soft, region: { x: 0, y: 0, ...size } },
    request,
  );
}

function inpainted(
  image: Picture,
  mask: Picture,
  around: { picture: Picture; mask: Picture; region: Region },
  { inpaint_fill }: StartRequest,
): StartPictures {
  const filled = inpaint_fill === 'fill' ? fillMasked(image, mask) : image;
  return { size: pictureSize(image), image: filled, masked: { mask, around } };
}

/** As asked for; else the picture's own, or in its proportions. */
function sizeOf({ width, height }: { width?: number | undefined; height?: number | undefined }, own: Size): Size {
  if (width !== undefined && height !== undefined) return { width, height };
  if (width !== undefined) return { width, height: side((width * own.height) / own.width) };
  if (height !== undefined) return { width: side((height * own.width) / own.height), height };
  const smaller = Math.min(
    1,
    Math.sqrt(MAX_PIXELS / (own.width * own.height)),
    MAX_SIDE / Math.max(own.width, own.height),
  );
  const scale = Math.max(smaller, MIN_SIDE / Math.min(own.width, own.height));
  return { width: side(own.width * scale), height: side(own.height * scale) };
}

function side(pixels: number): number {
  const multiple = Math.floor(pixels / SIDE_MULTIPLE) * SIDE_MULTIPLE;
  return Math.min(Math.max(multiple, MIN_SIDE), MAX_SIDE);
}

function requireProportions(mask: Size, picture: Size): void {
  const ratio = (mask.width / mask.height) * (picture.height / picture.width);
  if (Math.abs(ratio - 1) <= PROPORTION_TOLERANCE) return;
  const message = `has ${mask.width} × ${mask.height} pixels, init_image ${picture.width} × ${picture.height}: it must have the same size, or the same proportions`;
  throw invalidRequest([{ path: 'mask_image', message }]);
}

function requireRoom(inner: Size, size: Size): void {
  if (inner.width < MIN_SIDE || inner.height < MIN_SIDE) {
    const message = `leaves ${inner.width} × ${inner.height} pixels for the picture: take smaller sides, or a larger width and height`;
    throw invalidRequest([{ path: 'outpaint', message }]);
  }
  if (size.width > MAX_SIDE || size.height > MAX_SIDE) {
    const message = `makes ${size.width} × ${size.height} pixels, ${MAX_SIDE} are allowed along a side: take smaller sides, or give width and height`;
    throw invalidRequest([{ path: 'outpaint', message }]);
  }
}

function tooManyPixels({ width, height }: Size): MeshError {
  const pixels = width * height;
  const text = `init_image has ${pixels} pixels; with inpaint_full_res, where the result has its size, ${MAX_PIXELS} are allowed: send a smaller one.`;
  return new MeshError('IMAGE_TOO_LARGE', text, { path: 'init_image', pixels, limit: MAX_PIXELS });
}
