/**
 * The names under which trainers store low-rank factors, and the weight of the base model that each means. Formats: kohya
 * (also its convolutions, LoCon), PEFT, and the two older ones of diffusers.
 */
import type { WeightIndex } from './component-weights.ts';
import { canonicalName } from './weight-names.ts';

/** The networks that a LoRA patches. */
export type LoraPart = 'unet' | 'text_encoder';

/** Weights of the base model, by part. */
export type LoraBase = Readonly<Record<LoraPart, WeightIndex>>;

/** What a tensor is to its module: W' = W + scale · alpha / rank · up @ down. */
export type LoraKind = 'up' | 'down' | 'alpha';

/** A key of a LoRA file, understood as far as its name goes. */
export interface LoraKey {
  readonly module: string;
  readonly kind: LoraKind;
}

/** A key's weight in the base model, with its full canonical name. */
export interface LoraTarget {
  readonly part: LoraPart;
  readonly weight: string;
}

/** In the order tried; the first group is the module's name. */
const KINDS: readonly (readonly [RegExp, LoraKind])[] = [
  [/^(.+)\.lora_down\.weight$/, 'down'],
  [/^(.+)\.lora_up\.weight$/, 'up'],
  // PEFT puts the adapter's name between, where it has one.
  [/^(.+)\.lora_A(?:\.[^.]+)?\.weight$/, 'down'],
  [/^(.+)\.lora_B(?:\.[^.]+)?\.weight$/, 'up'],
  [/^(.+)\.lora(?:_linear_layer)?\.down\.weight$/, 'down'],
  [/^(.+)\.lora(?:_linear_layer)?\.up\.weight$/, 'up'],
  [/^(.+_lora)\.down\.weight$/, 'down'],
  [/^(.+_lora)\.up\.weight$/, 'up'],
  [/^(.+)\.alpha$/, 'alpha'],
];

/** Tensors of other methods, which add something else than up @ down. */
const OTHER_METHODS: readonly (readonly [RegExp, string])[] = [
  [/\.dora_scale$|\.lora_magnitude_vector/, 'DoRA'],
  [/\.hada_/, 'LoHa'],
  [/\.lokr_/, 'LoKr'],
  [/\.lora_mid\./, 'LoCon with a Tucker core'],
  [/\.oft_(?:blocks|diag)/, 'OFT'],
  [/\.lora_embedding_[AB]/, 'LoRA on embeddings'],
  [/\.on_input$/, 'IA3'],
  [/\.(?:diff|diff_b|w_norm|b_norm)$/, 'full weight differences'],
];

/** Key prefixes that only other base models have. */
const OTHER_BASES: readonly (readonly [RegExp, string])[] = [
  [/^lora_te[12]_|^text_encoder_2\.|^lora_unet_(?:input_blocks|middle_block|output_blocks)_/, 'Stable Diffusion XL'],
  [
    /^(?:transformer\.|lora_transformer_|lora_unet_(?:double|single)_blocks_|diffusion_model\.)/,
    'Flux or Stable Diffusion 3',
  ],
  [/^lora_te3_/, 'Flux or Stable Diffusion 3'],
];

/** Splits a key into module and kind; `undefined` when it is in no format of LoRA. */
export function parseLoraKey(key: string): LoraKey | undefined {
  for (const [pattern, kind] of KINDS) {
    const module = pattern.exec(key)?.[1];
    if (module !== undefined) return { module, kind };
  }
  return undefined;
}

/** The method that a key belongs to, if it is one that is not supported. */
export function otherMethod(key: string): string | undefined {
  return OTHER_METHODS.find(([pattern]) => pattern.test(key))?.[1];
}

/** The base model that a key betrays, if it is one that is not supported. */
export function otherBase(key: string): string | undefined {
  return OTHER_BASES.find(([pattern]) => pattern.test(key))?.[1];
}

/** Finds modules in a base model: by dotted path, or by the flat name that kohya makes of it (`.` → `_`). */
export class LoraTargets {
  readonly #base: LoraBase;
  readonly #flat = new Map<string, LoraTarget>();

  constructor(base: LoraBase) {
    this.#base = base;
    for (const weight of base.unet.keys()) this.#addFlat('lora_unet_', 'unet', weight);
    for (const weight of base.text_encoder.keys()) this.#addFlat('lora_te_', 'text_encoder', weight);
  }

  #addFlat(prefix: string, part: LoraPart, weight: string): void {
    if (!weight.endsWith('.weight')) return;
    const module = weight.slice(0, -'.weight'.length);
    this.#flat.set(prefix + module.replaceAll('.', '_'), { part, weight });
    const bare = module.replace(/^text_model\./, '');
    this.#flat.set(prefix + bare.replaceAll('.', '_'), { part, weight });
  }

  /** The weight that a module's factors are added to; `undefined` when the base has none of that name. */
  find(module: string): LoraTarget | undefined {
    return this.#flat.get(module) ?? this.#findDotted(module);
  }

  #findDotted(module: string): LoraTarget | undefined {
    const path = module.replace('base_model.model.', '');
    const prefix = (['unet', 'text_encoder'] as const).find((part) => path.startsWith(`${part}.`));
    const parts: readonly LoraPart[] = prefix ? [prefix] : ['unet', 'text_encoder'];
    const weight = canonicalName(`${modernModule(prefix ? path.slice(prefix.length + 1) : path)}.weight`);
    const part = parts.find((candidate) => this.#base[candidate].has(weight));
    return part && { part, weight };
  }
}

/** Names of CLIP's projections, by those that diffusers once gave to their factors. */
const TEXT_PROJECTIONS: Readonly<Record<string, string>> = {
  to_q: 'q_proj',
  to_k: 'k_proj',
  to_v: 'v_proj',
  to_out: 'out_proj',
};

/** `attn1.processor.to_out_lora` → `attn1.to_out.0`; `self_attn.to_q_lora` → `self_attn.q_proj`. */
function modernModule(module: string): string {
  const [, parent, layer] = /^(.+?)(?:\.processor)?\.(to_q|to_k|to_v|to_out)_lora$/.exec(module) ?? [];
  if (!parent || !layer) return module;
  if (parent.endsWith('.self_attn')) return `${parent}.${TEXT_PROJECTIONS[layer]}`;
  return `${parent}.${layer === 'to_out' ? 'to_out.0' : layer}`;
}
