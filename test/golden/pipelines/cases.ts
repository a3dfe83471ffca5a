/** The recorded generations of Diffusers' pipelines: their parameters in our words, and their numbers. */
import { readFileSync } from 'node:fs';
import type { LoraUnit } from '#shared/contracts/generate.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import { goldenPath, loadSafetensors } from '../reference.ts';

/** The recorded checkpoints. */
export type Checkpoint = 'sd15' | 'sd2' | 'sdxl';

/** One row of `cases.json`. */
export interface PipelineCase {
  readonly case: string;
  /** Folder of the recorded checkpoint. */
  readonly checkpoint: Checkpoint;
  readonly scheduler: string;
  readonly prompt: string[];
  readonly negative_prompt: string[] | null;
  readonly guidance_scale: number;
  readonly steps: number;
  /** One generator each; a single one may draw for the whole batch. */
  readonly seeds: number[];
  readonly height: number;
  readonly width: number;
  readonly eta: number;
  /** As Diffusers counts: layers to skip. */
  readonly clip_skip: number | null;
  readonly controlnets: readonly { name: string; image: string; scale: number; start: number; end: number }[];
  readonly guess_mode: boolean;
  readonly loras: readonly { file: string; scale: number }[];
  readonly timesteps: number[];
  readonly tolerance: { readonly latents: number; readonly decoded: number; readonly prompt_embeds: number };
}

/** Every text-to-image row of the SD 1.5 checkpoint. */
export const CASES: readonly PipelineCase[] = readCases('cases.json');

/** Those of the other checkpoints. */
export const FAMILY_CASES: readonly PipelineCase[] = readCases('cases-families.json');

function readCases(file: string): readonly PipelineCase[] {
  return (JSON.parse(readFileSync(goldenPath('pipelines', file), 'utf8')) as { cases: PipelineCase[] }).cases;
}

/** The recorded numbers of a checkpoint's rows, `CASE/…`, and the control pictures. */
export async function loadPipelineNumbers(checkpoint: Checkpoint = 'sd15'): Promise<TensorMap> {
  const load = (name: string): Promise<TensorMap> => loadSafetensors(goldenPath('pipelines', `${name}.safetensors`));
  return { ...(await load('sd15')), ...(checkpoint === 'sd15' ? {} : await load(checkpoint)) };
}

/** Diffusers' sampler of a row by its A1111 label. */
export const SAMPLER_LABELS: Readonly<Record<string, string>> = {
  ddim: 'DDIM',
  euler: 'Euler',
  euler_ancestral: 'Euler a',
  dpmpp_2m_karras: 'DPM++ 2M Karras',
  unipc: 'UniPC',
  lcm: 'LCM',
  pndm: 'PLMS',
};

/** The LoRAs of a row by their names in the library. */
export function lorasOf(row: PipelineCase): LoraUnit[] {
  return row.loras.map(({ file, scale }) => ({ lora: file.replace(/\.safetensors$/, ''), weight: scale }));
}
