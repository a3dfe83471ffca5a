/** A checkpoint, a folder as diffusers writes it or a single file: what it is made of, and whether its parts fit together. No weights are read. */
import { basename, dirname, extname, join, resolve } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import type { LatentRgb } from '#shared/tensor/latent-rgb.ts';
import type { ClipTextConfig, SchedulerConfig, UnetConfig, VaeConfig } from '#shared/tensor/network-config.ts';
import { hasCheckpointFile, readCheckpointJson } from './checkpoint-files.ts';
import { parseClipTextConfig } from './clip-text-config.ts';
import { configPath } from './component.ts';
import type { JsonRecord } from './json-file.ts';
import { readLatentRgb } from './latent-rgb.ts';
import { pickleHint } from './pickle.ts';
import { separateVae } from './separate-vae.ts';
import { placeInFile } from './single-file/single-file.ts';
import { parseUnetConfig } from './unet-config.ts';
import { parseVaeConfig } from './vae-config.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

/** A checkpoint that can be served. Folders are absolute. */
export interface Pipeline {
  /** The name of its folder or file: what requests call the model by. */
  readonly name: string;
  /** Where its ControlNets and LoRAs are looked for: of a single file the one that it lies in. */
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

/** What is used otherwise than the checkpoint says. */
export interface PipelineOptions {
  /** A VAE of its own: folder or file. */
  readonly vae?: string | undefined;
}

/**
 * Reads a checkpoint's configurations and checks them against each other.
 * @throws MeshError FILE_UNREADABLE, CONFIG_INVALID, CONFIG_UNSUPPORTED, naming file and key.
 */
export async function openPipeline(folder: string, options: PipelineOptions = {}): Promise<Pipeline> {
  const root = resolve(folder);
  await checkIndex(root, options);
  const read = async <Config>(part: string, parse: (path: string, config: JsonRecord) => Config): Promise<Config> => {
    const path = configPath(join(root, part));
    return parse(path, await readCheckpointJson(path));
  };
  const [textEncoder, unet, { config: vae, folder: vaeFolder }, scheduler, vocabulary] = await Promise.all([
    read('text_encoder', parseClipTextConfig),
    read('unet', parseUnetConfig),
    readVae(root, options),
    readCheckpointJson(join(root, 'scheduler', 'scheduler_config.json')),
    readVocabulary(root),
  ]);
  checkFit(root, textEncoder, unet, vae);
  const folders = {
    textEncoder: join(root, 'text_encoder'),
    unet: join(root, 'unet'),
    vae: vaeFolder,
    tokenizer: join(root, 'tokenizer'),
  };
  const latentRgb = await readLatentRgb(root, vae);
  const parts = { folders, textEncoder, unet, vae, scheduler, latentRgb };
  const place = placeInFile(root);
  const name = basename(root, place ? extname(root) : '');
  return { name, folder: place ? dirname(root) : root, ...parts, ...(vocabulary && { vocabulary }) };
}

async function readVae(root: string, { vae }: PipelineOptions): Promise<{ folder: string; config: VaeConfig }> {
  const own = join(root, 'vae');
  const { folder, config } = vae
    ? await separateVae(root, vae)
    : { folder: own, config: await readCheckpointJson(configPath(own)) };
  return { folder, config: parseVaeConfig(configPath(folder), config) };
}

async function checkIndex(root: string, { vae: otherVae }: PipelineOptions): Promise<void> {
  const path = join(root, 'model_index.json');
  if (!(await hasCheckpointFile(path))) throw noPipeline(root);
  const index = await readCheckpointJson(path);
  const className = index._class_name;
  if (typeof className !== 'string' || !SUPPORTED_CLASS.test(className)) {
    throw new MeshError(
      'CONFIG_UNSUPPORTED',
      `${path} is of class ${JSON.stringify(className)}; Stable Diffusion 1.x and 2.x (StableDiffusionPipeline) are supported.`,
      { file: path, key: '_class_name', value: className },
    );
  }
  for (const [part, expected] of Object.entries(PARTS)) {
    if (part !== 'vae' || otherVae === undefined) checkPart(path, part, index[part], expected);
  }
}

function noPipeline(root: string): MeshError {
  if (placeInFile(root)) return noUnet(root);
  const hint =
    pickleHint(root) ??
    'a folder with a model_index.json, in the layout of diffusers, or a .safetensors file is needed';
  const text = `${root} is no checkpoint: ${hint}.`;
  return new MeshError('FILE_UNREADABLE', text, { folder: root });
}

function noUnet(file: string): MeshError {
  return new MeshError('CONFIG_INVALID', `${file} is no whole checkpoint: it holds no UNet.`, { file });
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
