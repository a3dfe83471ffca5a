/** What PEFT writes into a file's header (`lora_adapter_metadata`) instead of beside the factors: alphas, and that it is a DoRA. */
import { MeshError } from '#shared/errors/errors.ts';
import { isRecord, type JsonRecord } from './json-file.ts';
import type { LoraPart, LoraTarget } from './lora-names.ts';
import type { SafetensorsFile } from './safetensors.ts';

/** What a header says of an adapter. */
export interface AdapterHeader {
  /** The alpha of a module of this rank, `undefined` where the header says none. */
  alpha(target: LoraTarget, rank: number): number | undefined;
  /** Whether modules of this part have magnitudes: DoRA. */
  isDora(part: LoraPart): boolean;
}

/**
 * Reads the adapter's configuration in a header.
 * @throws MeshError LORA_INVALID when it is no JSON.
 */
export function adapterHeader(file: SafetensorsFile): AdapterHeader {
  const text = file.metadata.lora_adapter_metadata;
  if (text === undefined) return { alpha: () => undefined, isDora: () => false };
  const config = parseConfig(file.path, text);
  return {
    alpha: (target, rank) => alphaOf(config, target, rank),
    isDora: (part) => config[`${part}.use_dora`] === true,
  };
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
