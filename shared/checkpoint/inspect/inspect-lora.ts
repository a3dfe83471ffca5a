/** What a LoRA's names and shapes tell without a base model. */
import type { ByRole } from '../adapters/adapter-kind.ts';
import { kindOf } from '../lora-kinds.ts';
import { otherMethod, parseLoraKey } from '../lora-names.ts';
import type { SafetensorsFile } from '../safetensors.ts';
import type { AdapterReport } from './report.ts';

const BASE_BY_TEXT_WIDTH: Readonly<Record<number, string>> = {
  768: 'Stable Diffusion 1.x',
  1024: 'Stable Diffusion 2.x',
  2048: 'Stable Diffusion XL',
};

/** In the order tried. */
const NAMINGS: readonly (readonly [RegExp, string])[] = [
  [/^lora_unet_(?:input|output|middle)_block/, 'kohya, SGM blocks'],
  [/^lora_(?:unet|te\d?)_/, 'kohya'],
  [/\.processor\./, 'old diffusers'],
  [/lora_A/, 'PEFT'],
];

/** Whether a file has any key of an adapter. */
export function isAdapter({ tensors }: SafetensorsFile): boolean {
  return [...tensors.keys()].some((key) => {
    const role = parseLoraKey(key)?.role;
    return (role !== undefined && role !== 'alpha' && role !== 'ia3') || otherMethod(key) !== undefined;
  });
}

/** Kinds, ranks and naming. @throws MeshError LORA_INVALID where tensors are missing */
export function describeAdapter(file: SafetensorsFile): AdapterReport {
  const modules = new Map<string, ByRole<string>>();
  for (const key of file.tensors.keys()) {
    const parsed = parseLoraKey(key);
    if (parsed) modules.set(parsed.module, { ...modules.get(parsed.module), [parsed.role]: key });
  }
  const kinds: Record<string, number> = {};
  const ranks: number[] = [];
  for (const [module, keys] of modules) {
    const kind = kindOf({ path: file.path, weight: module }, keys);
    const name = `${keys.dora_scale || keys.magnitude ? 'DoRA of ' : ''}${kind.name}`;
    kinds[name] = (kinds[name] ?? 0) + 1;
    const inner = keys.down ?? keys.hada_w1_b ?? keys.lokr_w2_b ?? keys.lokr_w1_b;
    if (inner) ranks.push(file.tensors.get(inner)!.shape[0]!);
  }
  const range = ranks.length > 0 ? { ranks: [Math.min(...ranks), Math.max(...ranks)] as const } : {};
  return { kinds, ...range, naming: namingOf(file) };
}

/** By the width of the text that cross attention reads, or by what the header says. */
export function adapterBase({ tensors, metadata }: SafetensorsFile): string | undefined {
  for (const { name, shape } of tensors.values()) {
    if (!/attn2[._]to_[kv][._].*(?:lora_down|lora_A|_w\d_b|down)/.test(name)) continue;
    const known = BASE_BY_TEXT_WIDTH[shape[1]!];
    if (known) return known;
  }
  return metadata['modelspec.architecture'] ?? metadata.ss_base_model_version;
}

function namingOf({ tensors }: SafetensorsFile): string {
  const names = [...tensors.keys()];
  return NAMINGS.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1] ?? 'diffusers';
}
