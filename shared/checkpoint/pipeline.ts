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
import { type Family, familyOf } from './pipeline-class.ts';
import { checkFit, sizesOf } from './pipeline-fit.ts';
import { openRefiner, type RefinerPart } from './refiner.ts';
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
  readonly family: Family;
  readonly folders: Readonly<Record<'unet' | 'vae', string>>;
  /** One; two in SDXL, whose embeddings are joined; the second alone in its refiner. */
  readonly textEncoders: readonly TextEncoderPart[];
  readonly unet: UnetConfig;
  readonly vae: VaeConfig;
  readonly scheduler: SchedulerConfig;
  /** For previews. */
  readonly latentRgb: LatentRgb;
  /** Whether the negative half of guidance is zeros where no negative prompt is given. */
  readonly forcesZeros: boolean;
  /** Given where another UNet may finish a run. */
  readonly refiner?: RefinerPart;
  /** Only of a model that knows few words. */
  readonly vocabulary?: Vocabulary;
}

/** A text encoder of a checkpoint, with its tokenizer. Folders are absolute. */
export interface TextEncoderPart {
  /** Its name in the checkpoint, and in LoRAs. */
  readonly part: 'text_encoder' | 'text_encoder_2';
  readonly folder: string;
  readonly tokenizerFolder: string;
  readonly config: ClipTextConfig;
}

/** Parts without which there is no picture; safety checker and feature extractor are none of them. */
const COMMON_PARTS: Readonly<Record<string, RegExp>> = {
  unet: /^UNet2DConditionModel$/,
  vae: /^Autoencoder(?:KL|Tiny)$/,
  scheduler: /Scheduler$/,
};

const TOKENIZER = /^CLIPTokenizer(?:Fast)?$/;

/** Text encoders by their parts; the pooled embedding of the last one conditions SDXL. */
const TEXT_PARTS = {
  text_encoder: { encoder: /^CLIPTextModel$/, tokenizer: 'tokenizer' },
  text_encoder_2: { encoder: /^CLIPTextModelWithProjection$/, tokenizer: 'tokenizer_2' },
} as const;

/** What is used otherwise than the checkpoint says. */
export interface PipelineOptions {
  /** A VAE of its own: folder or file. */
  readonly vae?: string | undefined;
  /** Another checkpoint whose UNet may finish a run: folder or file. */
  readonly refiner?: string | undefined;
}

/**
 * Reads a checkpoint's configurations and checks them against each other.
 * @throws MeshError FILE_UNREADABLE, CONFIG_INVALID, CONFIG_UNSUPPORTED, naming file and key.
 */
export async function openPipeline(folder: string, options: PipelineOptions = {}): Promise<Pipeline> {
  const root = resolve(folder);
  const { family, index } = await readIndex(root, options);
  const read = async <Config>(part: string, parse: (path: string, config: JsonRecord) => Config): Promise<Config> => {
    const path = configPath(join(root, part));
    return parse(path, await readCheckpointJson(path));
  };
  const [textEncoders, unet, { config: vae, folder: vaeFolder }, scheduler, vocabulary] = await Promise.all([
    Promise.all(
      textPartsOf(family, index).map(async (part) => ({
        part,
        folder: join(root, part),
        tokenizerFolder: join(root, TEXT_PARTS[part].tokenizer),
        config: await read(part, parseClipTextConfig),
      })),
    ),
    read('unet', parseUnetConfig),
    readVae(root, options),
    readCheckpointJson(join(root, 'scheduler', 'scheduler_config.json')),
    readVocabulary(root),
  ]);
  checkFit(root, { textEncoders, unet, vae });
  const folders = { unet: join(root, 'unet'), vae: vaeFolder };
  const forcesZeros = index.force_zeros_for_empty_prompt === true;
  const latentRgb = await readLatentRgb(root, vae);
  const refiner =
    options.refiner === undefined ? {} : { refiner: await openRefiner(options.refiner, { textEncoders, vae }) };
  const parts = { family, folders, textEncoders, unet, vae, scheduler, forcesZeros, latentRgb, ...refiner };
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

async function readIndex(
  root: string,
  { vae: otherVae }: PipelineOptions,
): Promise<{ family: Family; index: JsonRecord }> {
  const path = join(root, 'model_index.json');
  if (!(await hasCheckpointFile(path))) throw noPipeline(root);
  const index = await readCheckpointJson(path);
  const family = familyOf(path, index._class_name);
  for (const [part, expected] of Object.entries(COMMON_PARTS)) {
    if (part !== 'vae' || otherVae === undefined) checkPart(path, part, index[part], expected);
  }
  for (const part of textPartsOf(family, index)) {
    const { encoder, tokenizer } = TEXT_PARTS[part];
    checkPart(path, part, index[part], encoder);
    checkPart(path, tokenizer, index[tokenizer], TOKENIZER);
  }
  return { family, index };
}

/** The refiner's index has `[null, null]` for the first. */
function textPartsOf(family: Family, index: JsonRecord): readonly TextEncoderPart['part'][] {
  if (family === 'sd') return ['text_encoder'];
  const isLeftOut = Array.isArray(index.text_encoder) && index.text_encoder[1] === null;
  return isLeftOut ? ['text_encoder_2'] : ['text_encoder', 'text_encoder_2'];
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

/** Sizes that the UNet is told of, 6 in SDXL and 5 in its refiner; undefined for other models. */
export function sizeCount({ unet, textEncoders }: Pick<Pipeline, 'unet' | 'textEncoders'>): 5 | 6 | undefined {
  const { projectionDim } = textEncoders.at(-1)!.config;
  return projectionDim === undefined ? undefined : sizesOf(unet, projectionDim);
}

/** `T`: tokens of a prompt that is not longer than its model's. */
export function tokensOf({ textEncoders }: Pick<Pipeline, 'textEncoders'>): number {
  return textEncoders[0]!.config.maxPositions;
}

/** Largest clip skip, as A1111 counts, that leaves every text encoder a layer. SDXL reads the last but one without any. */
export function maxClipSkipOf({ textEncoders, family }: Pick<Pipeline, 'textEncoders' | 'family'>): number {
  const layers = Math.min(...textEncoders.map(({ config }) => config.layers));
  return family === 'sdxl' ? layers - 1 : layers;
}
