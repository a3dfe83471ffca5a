/** The flags of `generate` that say where a picture starts, as a table, and what a request holds of them. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { HIRES_UPSCALERS, INPAINT_FILLS, RESIZE_MODES } from '#shared/contracts/choices.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import type { HiresUpscaler, InpaintFill, ResizeMode } from '#shared/contracts/start.ts';
import { decimalNumber, wholeNumber } from './number-flag.ts';
import { readImage } from './read-image.ts';

type Size = { readonly width: number; readonly height: number };
type Sides = NonNullable<GenerateInput['outpaint']>;
type Hires = NonNullable<GenerateInput['hires']>;

/** As commander hands them over. */
export interface StartFlags {
  readonly initImage?: string;
  readonly strength?: number;
  readonly resizeMode?: ResizeMode;
  readonly mask?: string;
  readonly maskBlur?: number;
  readonly maskInvert?: boolean;
  readonly inpaintFill?: InpaintFill;
  /** Pixels around the mask, or true for the mesh's default. */
  readonly onlyMasked?: number | true;
  /** False by `--no-keep-unmasked`. */
  readonly keepUnmasked: boolean;
  readonly outpaint?: Sides;
  readonly hires?: Pick<Hires, 'scale' | 'width' | 'height'>;
  readonly hiresSteps?: number;
  readonly hiresStrength?: number;
  readonly hiresUpscaler?: HiresUpscaler;
  readonly subseed?: number;
  readonly subseedStrength?: number;
  readonly seedResizeFrom?: Size;
}

/** Adds them to the command. */
export function addStartOptions(command: Command): Command {
  return command
    .option('--init-image <file>', 'picture to start from')
    .option('--strength <share>', 'how far to leave it, 0 to 1', decimalNumber)
    .addOption(new Option('--resize-mode <mode>', 'how it comes to the size').choices(RESIZE_MODES))
    .option('--mask <file>', 'white is painted anew, black is kept')
    .option('--mask-blur <pixels>', "deviation of the mask's soft edge", wholeNumber)
    .option('--mask-invert', 'black is painted anew')
    .addOption(new Option('--inpaint-fill <what>', 'what lies under the mask at first').choices(INPAINT_FILLS))
    .option('--only-masked [padding]', 'generate only the mask and so many pixels around it', wholeNumber)
    .option('--no-keep-unmasked', 'leave the rest as the networks make it')
    .option('--outpaint <left,right,top,bottom>', 'pixels by which to continue the picture', parseSides)
    .option('--hires <scale|WxH>', 'make the picture again, larger', parseHires)
    .option('--hires-steps <n>', 'steps of the second run', wholeNumber)
    .option('--hires-strength <share>', 'how far it may leave the first, 0 to 1', decimalNumber)
    .addOption(new Option('--hires-upscaler <name>', 'how the first becomes larger').choices(HIRES_UPSCALERS))
    .option('--subseed <n>', 'seed of a variation', wholeNumber)
    .option('--subseed-strength <share>', '0 is the picture of --seed, 1 that of --subseed', decimalNumber)
    .option('--seed-resize-from <WxH>', 'size at which the seed gave the composition', parseSize);
}

/** The request's part. @throws MeshError FILE_UNREADABLE, IMAGE_TOO_LARGE */
export async function startFields(flags: StartFlags): Promise<Partial<GenerateInput>> {
  const { initImage, mask, onlyMasked, keepUnmasked } = flags;
  const given: { [Field in keyof GenerateInput]?: GenerateInput[Field] | undefined } = {
    init_image: initImage === undefined ? undefined : await readImage(initImage),
    strength: flags.strength,
    resize_mode: flags.resizeMode,
    mask_image: mask === undefined ? undefined : await readImage(mask),
    mask_blur: flags.maskBlur,
    mask_invert: flags.maskInvert,
    inpaint_fill: flags.inpaintFill,
    inpaint_full_res: onlyMasked === undefined ? undefined : true,
    inpaint_full_res_padding: onlyMasked === true ? undefined : onlyMasked,
    keep_unmasked: keepUnmasked === false ? false : undefined,
    outpaint: flags.outpaint,
    hires: hiresOf(flags),
    subseed: flags.subseed,
    subseed_strength: flags.subseedStrength,
    seed_resize_from: flags.seedResizeFrom,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Any of its flags asks for it. */
function hiresOf({ hires, hiresSteps, hiresStrength, hiresUpscaler }: StartFlags): Hires | undefined {
  const rest = {
    ...(hiresSteps !== undefined && { steps: hiresSteps }),
    ...(hiresStrength !== undefined && { strength: hiresStrength }),
    ...(hiresUpscaler !== undefined && { upscaler: hiresUpscaler }),
  };
  return hires || Object.keys(rest).length > 0 ? { ...hires, ...rest } : undefined;
}

/** `1024x768`. */
function parseSize(text: string): Size {
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(text) ?? [];
  if (width === undefined) throw new InvalidArgumentError('Write WIDTHxHEIGHT, for example 512x768.');
  return { width: Number(width), height: Number(height) };
}

/** `2`, `1.5`, `1024x1024`. */
export function parseHires(text: string): Pick<Hires, 'scale' | 'width' | 'height'> {
  return /^\d+(\.\d+)?$/.test(text) ? { scale: Number(text) } : parseSize(text);
}

/** `64,64,0,0`. */
export function parseSides(text: string): Sides {
  const [, left, right, top, bottom] = /^(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})$/.exec(text) ?? [];
  if (left === undefined)
    throw new InvalidArgumentError('Write LEFT,RIGHT,TOP,BOTTOM in pixels, for example 64,64,0,0.');
  return { left: Number(left), right: Number(right), top: Number(top), bottom: Number(bottom) };
}
