/** How a ControlNet's hint may be made from a picture: names and settings. What they compute is in shared/image/preprocessors.ts. */
import { z } from 'zod';
import { PREPROCESSOR_NAMES } from './choices.ts';

/** Beginnings of the names of well-known ones that are networks themselves. */
const NETWORKS =
  /^(depth|dw_openpose|openpose|animal_openpose|densepose|normal|seg|lineart|mlsd|scribble_(hed|pidinet)|softedge_(hed|pidi|teed|anyline)|hed|pidi|mediapipe|oneformer|clip_vision|ip-adapter|inpaint|reference|te_hed|anyline)/;

/** As A1111's extension calls them. */
const ALIASES: Readonly<Record<string, Preprocessor>> = {
  t2ia_color_grid: 'color_grid',
  recolor_luminance: 'grey',
  gray: 'grey',
  'invert (from white bg & black line)': 'invert',
  scribble: 'scribble_xdog',
  tile: 'tile_resample',
  softedge: 'softedge_sobel',
  blur: 'blur_gaussian',
};

/** A name, or one that A1111's extension has for it. */
export const Preprocessor = z.preprocess(
  (name) => (typeof name === 'string' && Object.hasOwn(ALIASES, name) ? ALIASES[name] : name),
  z.enum(PREPROCESSOR_NAMES, { error: ({ input }) => unknownName(input) }),
);
export type Preprocessor = (typeof PREPROCESSOR_NAMES)[number];

function unknownName(input: unknown): string {
  const names = PREPROCESSOR_NAMES.map((name) => JSON.stringify(name)).join(', ');
  if (typeof input === 'string' && NETWORKS.test(input.toLowerCase())) {
    return `${JSON.stringify(input)} is a network of its own, which is not here: make its picture elsewhere and send that with preprocessor "none". Those without a network are ${names}`;
  }
  return `must be one of ${names}`;
}
