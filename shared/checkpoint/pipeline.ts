/** A checkpoint folder as diffusers writes it: what it is made of, and whether its parts fit together. No weights are read. */
import { access } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import type { LatentRgb } from '#shared/tensor/latent-rgb.ts';
import type { ClipTextConfig, SchedulerConfig, UnetConfig, VaeConfig } from '#shared/tensor/network-config.ts';
import { parseClipTextConfig } from './clip-text-config.ts';
import { configPath } from './component.ts';
import { type JsonRecord, readJsonFile } from './json-file.ts';
import { readLatentRgb } from './latent-rgb.ts';
import { parseUnetConfig } from './unet-config.ts';
import { parseVaeConfig } from './vae-config.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

/** A checkpoint that can be served. Folders are absolute. */
export interface Pipeline {
  /** The folder's name: what requests call the model by. */
  readonly name: string;
  readonly folder: string;
  readonly folders: Readonly<Record<'textEncoder' | 'unet' | 'vae' | 'tokenizer', string>>;
  readonly textEncoder: ClipTextConfig;
  readonly unet: UnetConfig;
  readonly vae: VaeConfig;
  readonly scheduler: SchedulerConfig;
  /** For previews. */
  readonly latentRgb: LatentRgb;
  /** Only of a model that knows few words. */
  readonly vocabulary?: Vocabulary;
}

/** StableDiffusionPipeline and its relatives that are made of the same parts. */
const SUPPORTED_CLASS = /^StableDiffusion(?:ControlNet)?(?:Img2Img)?Pipeline$/;

/** Parts without which there is no picture; safety checker and feature extractor are none of them. */
const PARTS: Readonly<Record<string, RegExp>> = {
  text_encoder: /^CLIPTextModel$/,
  tokenizer: /^CLIPTokenizer(?:Fast)?$/,
  unet: /^UNet2DConditionModel$/,
  vae: /^AutoencoderKL$/,
  scheduler: /Scheduler$/,
};

/**
 * Reads a checkpoint's configurations and checks them against each other.
 * @throws MeshError FILE_UNREADABLE, CONFIG_INVALID, CONFIG_UNSUPPORTED, naming file and key.
 */
export async function openPipeline(folder: string): Promise<Pipeline> {
  const root = resolve(folder);
  await checkIndex(root);
  const read = async <Config>(part: string, parse: (path: string, config: JsonRecord) => Config): Promise<Config> => {
    const path = configPath(join(root, part));
    return parse(path, await readJsonFile(path));
  };
  const [textEncoder, unet, vae, scheduler, vocabulary] = await Promise.all([
    read('text_encoder', parseClipTextConfig),
    read('unet', parseUnetConfig),
    read('vae', parseVaeConfig),
    readJsonFile(join(root, 'scheduler', 'scheduler_config.json')),
    readVocabulary(root),
  ]);
  checkFit(root, textEncoder, unet, vae);
  const folders = {
    textEncoder: join(root, 'text_encoder'),
    unet: join(root, 'unet'),
    vae: join(root, 'vae'),
    tokenizer: join(root, 'tokenizer'),
  };
  const latentRgb = await readLatentRgb(root, vae);
  const parts = { folders, textEncoder, unet, vae, scheduler, latentRgb };
  return { name: basename(root), folder: root, ...parts, ...(vocabulary && { vocabulary }) };
}

async function checkIndex(root: string): Promise<void> {
  const path = join(root, 'model_index.json');
  if (!(await isThere(path))) throw noPipeline(root);
  const index = await readJsonFile(path);
  const className = index._class_name;
  if (typeof className !== 'string' || !SUPPORTED_CLASS.test(className)) {
    throw new MeshError(
      'CONFIG_UNSUPPORTED',
      `${path} is of class ${JSON.stringify(className)}; Stable Diffusion 1.x and 2.x (StableDiffusionPipeline) are supported.`,
      { file: path, key: '_class_name', value: className },
    );
  }
  for (const [part, expected] of Object.entries(PARTS)) checkPart(path, part, index[part], expected);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function noPipeline(root: string): MeshError {
  const text = `${root} is no checkpoint: a folder with a model_index.json, in the layout of diffusers, is needed.`;
  return new MeshError('FILE_UNREADABLE', text, { folder: root });
}

/** An entry of the index is `[library, class]`, or `[null, null]` for a part that was left out. */
function checkPart(path: string, part: string, entry: unknown, expected: RegExp): void {
  const className: unknown = Array.isArray(entry) ? entry[1] : undefined;
  if (typeof className === 'string' && expected.test(className)) return;
  const got = className ? `is of class ${JSON.stringify(className)}, which is not supported` : 'is missing';
  throw new MeshError(className ? 'CONFIG_UNSUPPORTED' : 'CONFIG_INVALID', `${path}: its ${part} ${got}.`, {
    file: path,
    key: part,
    value: entry,
  });
}

function checkFit(folder: string, text: ClipTextConfig, unet: UnetConfig, vae: VaeConfig): void {
  const refuse = (message: string, details: Record<string, unknown>): never => {
    throw new MeshError('CONFIG_INVALID', `${folder}: ${message}.`, { folder, ...details });
  };
  const { hiddenSize } = text;
  const { crossAttentionDim, inChannels, outChannels } = unet;
  const { latentChannels } = vae;
  if (hiddenSize !== crossAttentionDim) {
    refuse(`the text encoder gives ${hiddenSize} numbers per token, the UNet takes ${crossAttentionDim}`, {
      hiddenSize,
      crossAttentionDim,
    });
  }
  if (outChannels !== latentChannels || inChannels !== latentChannels) {
    const hint = inChannels > latentChannels ? ' (an inpainting or depth model, which is not supported)' : '';
    refuse(`the UNet maps ${inChannels} to ${outChannels} channels, the VAE has ${latentChannels}${hint}`, {
      inChannels,
      outChannels,
      latentChannels,
    });
  }
}
