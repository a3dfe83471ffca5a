/**
 * A whole checkpoint in one `.safetensors` file (the layouts of LDM and SGM), seen as the folder that diffusers would make of it. A path
 * may lead into such a file, `model.safetensors/unet/config.json`: readers of folders then need to know nothing of it.
 */
import { realpath } from 'node:fs/promises';
import { MeshError } from '#shared/errors/errors.ts';
import { unreadable } from '../file-error.ts';
import type { JsonRecord } from '../json-file.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors.ts';
import { type FileFamily, familyOfUnet, pipelineClass } from './families.ts';
import { inferControlNet, inferTextEncoder, inferUnet, inferVae } from './infer-config.ts';
import { otherModel } from './other-models.ts';
import { type FilePart, indexOf, type PartTensors, partsOf } from './parts.ts';
import { predictionOf } from './prediction.ts';

/** A path into a file. */
export interface PlaceInFile {
  readonly file: string;
  /** Empty for the file itself. */
  readonly inside: string;
}

/** A file, its networks, and what diffusers' JSON files would say. */
export interface SingleFile {
  /** Links resolved: a session takes external data by the file's own folder. */
  readonly file: SafetensorsFile;
  readonly parts: ReadonlyMap<FilePart, PartTensors>;
  /** Undefined for a file that holds no UNet. */
  readonly family: FileFamily | undefined;
  /** By path: `unet/config.json`. */
  readonly records: ReadonlyMap<string, JsonRecord>;
}

const PLACE = /^(.+\.safetensors)(?:[\\/](.*))?$/;

/** Where a path leads into a single file; undefined for any other. */
export function placeInFile(path: string): PlaceInFile | undefined {
  const [, file, inside = ''] = PLACE.exec(path) ?? [];
  return file === undefined ? undefined : { file, inside: inside.replaceAll('\\', '/') };
}

/**
 * Opens a file by its header.
 * @throws MeshError FILE_UNREADABLE, SAFETENSORS_INVALID; CONFIG_UNSUPPORTED naming another kind of model; CONFIG_INVALID when it
 *   holds no network
 */
export async function openSingleFile(path: string): Promise<SingleFile> {
  const file = await openSafetensors(await realPath(path));
  const other = otherModel(file);
  if (other) {
    const text = `${path} is ${other}, which cannot be served; Stable Diffusion 1.x, 2.x and XL can.`;
    throw new MeshError('CONFIG_UNSUPPORTED', text, { file: path, model: other });
  }
  const parts = partsOf(file);
  if (parts.size === 0) throw noNetwork(path, file);
  const unet = parts.get('unet');
  const family = unet && familyOfUnet(indexOf(unet), await predictionOf(file));
  return { file, parts, family, records: recordsOf(parts, family) };
}

async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** A lone VAE is of 1.x until the model that it is used with says otherwise. */
function recordsOf(parts: ReadonlyMap<FilePart, PartTensors>, family: FileFamily | undefined): Map<string, JsonRecord> {
  const records = new Map<string, JsonRecord>();
  for (const [part, tensors] of parts) records.set(`${part}/config.json`, recordOf(part, tensors, family));
  if (!family) return records;
  const { in_channels: inChannels } = records.get('unet/config.json')!;
  records.set('scheduler/scheduler_config.json', family.scheduler);
  const isXlBase = family.pipeline === 'StableDiffusionXL' && parts.has('text_encoder');
  records.set('model_index.json', {
    ...indexRecord(parts, pipelineClass(family, Number(inChannels))),
    force_zeros_for_empty_prompt: isXlBase,
  });
  return records;
}

function recordOf(part: FilePart, tensors: PartTensors, family: FileFamily | undefined): JsonRecord {
  const index = indexOf(tensors);
  switch (part) {
    case 'unet':
      return inferUnet(index, family!.sampleSize);
    case 'vae':
      return inferVae(index, family?.scalingFactor ?? 0.18215);
    case 'controlnet':
      return inferControlNet(index);
    default:
      return inferTextEncoder(index, tensors.isOpenClip);
  }
}

/** Tokenizers are no part of such files: the ones of CLIP come with the project. */
function indexRecord(parts: ReadonlyMap<FilePart, PartTensors>, className: string): JsonRecord {
  const entry = (part: FilePart, library: string, name: string): [string, string] | [null, null] =>
    parts.has(part) ? [library, name] : [null, null];
  return {
    _class_name: className,
    unet: entry('unet', 'diffusers', 'UNet2DConditionModel'),
    vae: entry('vae', 'diffusers', 'AutoencoderKL'),
    text_encoder: entry('text_encoder', 'transformers', 'CLIPTextModel'),
    tokenizer: entry('text_encoder', 'transformers', 'CLIPTokenizer'),
    text_encoder_2: entry('text_encoder_2', 'transformers', 'CLIPTextModelWithProjection'),
    tokenizer_2: entry('text_encoder_2', 'transformers', 'CLIPTokenizer'),
    scheduler: ['diffusers', 'Scheduler'],
  };
}

function noNetwork(path: string, { tensors }: SafetensorsFile): MeshError {
  const isLora = [...tensors.keys()].some((name) => /\.lora_|\.hada_|\.lokr_|_lora\./.test(name));
  const what = isLora
    ? 'it is a LoRA: give it to a request, or --loras its folder'
    : 'its tensors are named as in none';
  const text = `${path} holds no Stable Diffusion checkpoint, VAE or ControlNet: ${what}.`;
  return new MeshError('CONFIG_INVALID', text, { file: path, keys: [...tensors.keys()].slice(0, 10) });
}
