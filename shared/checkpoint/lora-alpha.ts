/** Alphas that PEFT writes into a file's header (`lora_adapter_metadata`) instead of beside the factors. */
import { MeshError } from '#shared/errors/errors.ts';
import { isRecord, type JsonRecord } from './json-file.ts';
import type { LoraTarget } from './lora-names.ts';
import type { SafetensorsFile } from './safetensors.ts';

/** The alpha of a module of this rank, `undefined` where the header says none. */
export type HeaderAlpha = (target: LoraTarget, rank: number) => number | undefined;

/**
 * Reads the adapter's configuration in a header.
 * @throws MeshError LORA_INVALID when it is no JSON; LORA_UNSUPPORTED for DoRA.
 */
export function headerAlphas(file: SafetensorsFile): HeaderAlpha {
  const text = file.metadata.lora_adapter_metadata;
  if (text === undefined) return () => undefined;
  const config = parseConfig(file.path, text);
  for (const part of ['unet', 'text_encoder'] as const) {
    if (config[`${part}.use_dora`] === true) {
      throw new MeshError('LORA_UNSUPPORTED', `${file.path} is a DoRA, only LoRA is supported.`, { file: file.path });
    }
  }
  return (target, rank) => alphaOf(config, target, rank);
}

function parseConfig(path: string, text: string): JsonRecord {
  try {
    const config: unknown = JSON.parse(text);
    if (isRecord(config)) return config;
  } catch {
    // Said below.
  }
  throw new MeshError('LORA_INVALID', `${path}: lora_adapter_metadata in its header is no JSON object.`, {
    file: path,
  });
}

/** Rank-stabilised LoRA divides by √rank: the alpha that does the same in alpha / rank is √rank times as large. */
function alphaOf(config: JsonRecord, { part, weight }: LoraTarget, rank: number): number | undefined {
  const alpha = patternAlpha(config[`${part}.alpha_pattern`], weight) ?? config[`${part}.lora_alpha`];
  if (typeof alpha !== 'number' || !Number.isFinite(alpha)) return undefined;
  return config[`${part}.use_rslora`] === true ? alpha * Math.sqrt(rank) : alpha;
}

/** PEFT reads the keys as regular expressions; those of a file are taken as ends of a module's path only. */
function patternAlpha(patterns: unknown, weight: string): unknown {
  if (!isRecord(patterns)) return undefined;
  const module = `.${weight.slice(0, -'.weight'.length)}`;
  const key = Object.keys(patterns).find((pattern) => module.endsWith(`.${pattern.replace(/^\^/, '')}`));
  return key === undefined ? undefined : patterns[key];
}
