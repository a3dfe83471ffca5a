/** How a guide is made of its picture, in words. */
import type { Preprocessor } from '#shared/contracts/preprocessors.ts';

/** Every way that the mesh has. */
export const PREPROCESSORS: Readonly<Record<Preprocessor, string>> = {
  canny: 'a picture: find its edges',
  none: 'the guide itself',
  softedge_sobel: 'a picture: soft edges',
  scribble_xdog: 'a picture: as scribbled',
  threshold: 'a picture: black and white',
  invert: 'black lines on white',
  grey: 'a picture: without its colours',
  blur_gaussian: 'a picture: blurred',
  tile_resample: 'a picture: its tiles',
  color_grid: 'a picture: a grid of its colours',
  shuffle: 'a picture: its colours, shuffled',
};
