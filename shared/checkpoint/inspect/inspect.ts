/** What a model's file or folder is, what it is made of, and whether it can be served. Reads headers and configurations only. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import { openComponent } from '../component.ts';
import { embeddingBase, embeddingTensors, isEmbedding } from '../embedding-file.ts';
import { unreadable } from '../file-error.ts';
import { loraBase } from '../lora-base.ts';
import { planLora } from '../lora-file.ts';
import { openPipeline } from '../pipeline.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors.ts';
import { openSingleFile, type SingleFile } from '../single-file/single-file.ts';
import { adapterBase, describeAdapter, isAdapter } from './inspect-lora.ts';
import type { ModelReport } from './report.ts';
import { partReport, tensorParts } from './tensor-parts.ts';

/** What a LoRA is held against. */
export interface InspectOptions {
  /** A checkpoint. */
  readonly model?: string | undefined;
}

/** Characters of a header's value that are told: trainers write megabytes of tags. */
const MAX_VALUE = 200;
const FOLDERS = ['text_encoder', 'text_encoder_2', 'unet', 'vae', 'controlnet'];

/** @throws MeshError FILE_UNREADABLE when there is nothing to look at; what is wrong with it is told in the report */
export async function inspectModel(path: string, options: InspectOptions = {}): Promise<ModelReport> {
  const absolute = resolve(path);
  const state = await stat(absolute).catch((cause) => {
    throw unreadable(absolute, cause);
  });
  return state.isDirectory() ? inspectFolder(absolute) : inspectFile(absolute, state.size, options);
}

async function inspectFolder(path: string): Promise<ModelReport> {
  const names = await readdir(path);
  const isPipeline = names.includes('model_index.json');
  const folders = isPipeline ? FOLDERS.filter((name) => names.includes(name)).map((name) => join(path, name)) : [path];
  const kind = isPipeline ? 'checkpoint (folder of diffusers)' : 'network (folder of diffusers)';
  const opened = await Promise.allSettled(folders.map(openComponent));
  const parts = opened.flatMap((one) =>
    one.status === 'fulfilled' ? [partReport(basename(one.value.folder), one.value.weights.entries)] : [],
  );
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const failed = opened.find((one) => one.status === 'rejected');
  const outcome = await attempt(async () => {
    if (isPipeline) await openPipeline(path);
    if (failed) throw failed.reason;
  });
  return { path, kind, bytes, parts, metadata: {}, ...outcome };
}

async function inspectFile(path: string, bytes: number, options: InspectOptions): Promise<ModelReport> {
  let file: SafetensorsFile;
  try {
    file = await openSafetensors(path);
  } catch (thrown) {
    // What a pickle is told by the message of the door.
    const outcome = await attempt(async () => {
      if (!path.endsWith('.safetensors')) await openPipeline(path);
      throw thrown;
    });
    return { path, kind: 'unreadable', bytes, parts: [], metadata: {}, ...outcome };
  }
  const common = { path, bytes, parts: tensorParts(file.tensors.values()), metadata: shortMetadata(file) };
  if (isAdapter(file)) return { ...common, ...(await inspectAdapter(file, options)) };
  if (isEmbedding(file)) return { ...common, ...(await inspectEmbedding(file)) };
  return { ...common, ...(await inspectSingleFile(path)) };
}

type Rest = Omit<ModelReport, 'path' | 'bytes' | 'parts' | 'metadata'>;

async function inspectAdapter(file: SafetensorsFile, { model }: InspectOptions): Promise<Rest> {
  const base = adapterBase(file);
  let adapter: ModelReport['adapter'];
  const outcome = await attempt(async () => {
    adapter = describeAdapter(file);
    if (model !== undefined) await planLora(file, await loraBase(await openPipeline(model)));
  });
  const note = model === undefined && outcome.loads ? 'not held against a model: name one with --model' : undefined;
  return { kind: 'lora', ...(base && { base }), ...(adapter && { adapter }), ...outcome, ...(note && { note }) };
}

async function inspectEmbedding(file: SafetensorsFile): Promise<Rest> {
  let base: string | undefined;
  const outcome = await attempt(async () => {
    base = embeddingBase(embeddingTensors(file));
  });
  return { kind: 'embedding (textual inversion)', ...(base && { base }), ...outcome };
}

async function inspectSingleFile(path: string): Promise<Rest> {
  let single: SingleFile | undefined;
  const outcome = await attempt(async () => {
    single = await openSingleFile(path);
    if (single.parts.has('unet')) await openPipeline(path);
    else await openComponent(path);
  });
  const lone = [...(single?.parts.keys() ?? [])];
  const kind =
    single === undefined ? 'unknown' : single.parts.has('unet') ? 'checkpoint (single file)' : lone.join(', ');
  return { kind, ...(single?.family && { base: single.family.name }), ...outcome };
}

async function attempt(work: () => Promise<void>): Promise<Pick<ModelReport, 'loads' | 'problem'>> {
  try {
    await work();
    return { loads: true };
  } catch (thrown) {
    const { code, message } = MeshError.from(thrown);
    return { loads: false, problem: { code, message } };
  }
}

function shortMetadata({ metadata }: SafetensorsFile): Record<string, string> {
  const short = (value: string): string => (value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value);
  const told = Object.entries(metadata).filter(([key]) => key !== 'format');
  return Object.fromEntries(told.map(([key, value]) => [key, short(value)]));
}
