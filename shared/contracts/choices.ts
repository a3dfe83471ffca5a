/** Names that a field of a request can have, without the schemas: a command that only lists them starts sooner. */

/** See `PromptSyntax`. */
export const PROMPT_SYNTAXES = ['plain', 'a1111'] as const;
/** See `Rng`. */
export const RNGS = ['cpu', 'philox'] as const;
/** See `ResizeMode`. */
export const RESIZE_MODES = ['stretch', 'crop', 'fill'] as const;
/** See `InpaintFill`. */
export const INPAINT_FILLS = ['original', 'fill', 'latent_noise', 'latent_nothing'] as const;
/** See `HiresUpscaler`. */
export const HIRES_UPSCALERS = ['latent', 'latent-nearest', 'latent-bicubic', 'lanczos', 'nearest'] as const;
/** See `Preprocessor`: those that need no network. */
export const PREPROCESSOR_NAMES = [
  'none',
  'canny',
  'softedge_sobel',
  'scribble_xdog',
  'threshold',
  'invert',
  'grey',
  'blur_gaussian',
  'tile_resample',
  'color_grid',
  'shuffle',
] as const;
