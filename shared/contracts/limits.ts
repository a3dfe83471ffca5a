/** The bounds of a request, in one place, with their reason. */

/** Characters of one prompt. The encoder sees 77 tokens; what is cut is told, but a book is a mistake. */
export const MAX_PROMPT_CHARS = 4000;
/** Different prompts that one is edited to over a job: each is encoded, and sent to the denoiser. */
export const MAX_CONDITIONINGS = 64;
/** Characters of a client's id. */
export const MAX_CLIENT_CHARS = 256;
/** Pictures of one job: one UNet run holds all of them, twice with guidance. */
export const MAX_BATCH = 8;
/** Pixels of one side. */
export const MIN_SIDE = 64;
export const MAX_SIDE = 2048;
/** Pixels that SDXL may be told of a side: a picture of the training may have been larger than what is drawn. */
export const MAX_CONDITIONED_SIDE = 16_384;
/** Sides are multiples of the VAE's factor. */
export const SIDE_MULTIPLE = 8;
/** Pixels of one picture. What a device has memory for may be less: that is told by OUT_OF_MEMORY. */
export const MAX_PIXELS = 2048 * 2048;
export const MAX_STEPS = 150;
export const MAX_GUIDANCE_SCALE = 50;
/** Largest seed: what a JSON number holds exactly. The noise generator uses the low 32 bits, as torch's does. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER;
export const MAX_CONTROLNETS = 8;
export const MAX_LORAS = 16;
/** A1111's slider ends at 12; deeper skips have no use with 12 layers. */
export const MAX_CLIP_SKIP = 12;
/** Bytes of an image in a request, before base64. */
export const MAX_IMAGE_BYTES = 16 * 1024 * 1024;
/** Bytes of a request over HTTP: a few large images in base64 and the rest. */
export const MAX_BODY_BYTES = 3 * Math.ceil(MAX_IMAGE_BYTES * 1.4);
/** Time a job may take from acceptance to its reply unless it asks for another, ms. */
export const DEFAULT_DEADLINE_MS = 15 * 60_000;
export const MAX_DEADLINE_MS = 24 * 60 * 60_000;
/** Deviation of a mask's soft edge, pixels: A1111's slider ends there. */
export const MAX_MASK_BLUR = 64;
/** Pixels around a mask that are generated with it: A1111's slider ends there. */
export const MAX_MASK_PADDING = 256;
/** Pixels by which a picture may be continued on one side. */
export const MAX_OUTPAINT = 1024;
/** Jobs in one list. */
export const DEFAULT_LISTED_JOBS = 50;
export const MAX_LISTED_JOBS = 500;
