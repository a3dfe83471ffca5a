/**
 * The names under which trainers store adapters, and the weight of the base model that each means. Formats: kohya and LyCORIS
 * (with diffusers' or SGM's block names), PEFT, and the two older ones of diffusers.
 */
import type { AdapterRole } from './adapters/adapter-kind.ts';
import type { WeightIndex } from './component-weights.ts';
import { ldmLayout, unetModule } from './single-file/ldm-unet.ts';
import { canonicalName } from './weight-names.ts';

/** The networks that a LoRA patches. */
export type LoraPart = 'unet' | 'text_encoder' | 'text_encoder_2';

/** Weights of the base model, by part; of the parts that it has. */
export type LoraBase = Readonly<{ unet: WeightIndex } & Partial<Record<LoraPart, WeightIndex>>>;

/** A key of a LoRA file, understood as far as its name goes. */
export interface LoraKey {
  readonly module: string;
  readonly role: AdapterRole;
}

/** A key's weight in the base model, with its full canonical name. */
export interface LoraTarget {
  readonly part: LoraPart;
  readonly weight: string;
}

/** In the order tried; the first group is the module's name. */
const ROLES: readonly (readonly [RegExp, AdapterRole])[] = [
  [/^(.+)\.lora_down\.weight$/, 'down'],
  [/^(.+)\.lora_up\.weight$/, 'up'],
  [/^(.+)\.lora_mid\.weight$/, 'mid'],
  // PEFT puts the adapter's name between, where it has one.
  [/^(.+)\.lora_A(?:\.[^.]+)?\.weight$/, 'down'],
  [/^(.+)\.lora_B(?:\.[^.]+)?\.weight$/, 'up'],
  [/^(.+)\.lora_magnitude_vector(?:\.[^.]+)?(?:\.weight)?$/, 'magnitude'],
  [/^(.+)\.lora(?:_linear_layer)?\.down\.weight$/, 'down'],
  [/^(.+)\.lora(?:_linear_layer)?\.up\.weight$/, 'up'],
  [/^(.+_lora)\.down\.weight$/, 'down'],
  [/^(.+_lora)\.up\.weight$/, 'up'],
  [/^(.+)\.hada_w1_a$/, 'hada_w1_a'],
  [/^(.+)\.hada_w1_b$/, 'hada_w1_b'],
  [/^(.+)\.hada_w2_a$/, 'hada_w2_a'],
  [/^(.+)\.hada_w2_b$/, 'hada_w2_b'],
  [/^(.+)\.hada_t1$/, 'hada_t1'],
  [/^(.+)\.hada_t2$/, 'hada_t2'],
  [/^(.+)\.lokr_w1$/, 'lokr_w1'],
  [/^(.+)\.lokr_w2$/, 'lokr_w2'],
  [/^(.+)\.lokr_w1_a$/, 'lokr_w1_a'],
  [/^(.+)\.lokr_w1_b$/, 'lokr_w1_b'],
  [/^(.+)\.lokr_w2_a$/, 'lokr_w2_a'],
  [/^(.+)\.lokr_w2_b$/, 'lokr_w2_b'],
  [/^(.+)\.lokr_t2$/, 'lokr_t2'],
  [/^(.+)\.oft_blocks$/, 'blocks'],
  [/^(.+)\.rescale$/, 'rescale'],
  [/^(.+)\.diff$/, 'diff'],
  [/^(.+)\.on_input$/, 'on_input'],
  [/^(lora_[^.]+)\.weight$/, 'ia3'],
  [/^(.+)\.dora_scale$/, 'dora_scale'],
  [/^(.+)\.alpha$/, 'alpha'],
];

/** Tensors that change something else than the weights of linear layers and convolutions, or in a way that is not known. */
const OTHER_METHODS: readonly (readonly [RegExp, string])[] = [
  [/\.oft_diag$/, 'OFT of old LyCORIS'],
  [/\.oft_[rR](?:\.[^.]+)?(?:\.weight)?$/, 'OFT of PEFT'],
  [/\.(?:a1|a2|b1|b2|bm1|bm2)\.weight$/, 'GLoRA'],
  [/\.lora_embedding_[AB]/, 'LoRA on embeddings'],
  [/\.(?:diff_b|b_norm)$|\.lora_B(?:\.[^.]+)?\.bias$/, 'differences of biases'],
  [/\.w_norm$/, 'differences of norms'],
  [/\.(?:lora_edm|sparse_)/, 'sparse differences'],
];

/** Key prefixes that only other base models have. */
const OTHER_BASES: readonly (readonly [RegExp, string])[] = [
  [/^lora_te[12]_|^text_encoder_2\./, 'Stable Diffusion XL'],
  [
    /^(?:transformer\.|lora_transformer_|lora_unet_(?:double|single)_blocks_|lora_unet_joint_blocks_|diffusion_model\.)/,
    'Flux or Stable Diffusion 3',
  ],
  [/^lora_te3_/, 'Flux or Stable Diffusion 3'],
];

/** SGM's block names, by which most LoRAs of Stable Diffusion XL go; those of 1.x have them seldom. */
const SGM_BLOCK = /^lora_unet_((?:input_blocks|middle_block|output_blocks|time_embed|label_emb|out)_.+)$/;

/** Splits a key into module and role; `undefined` when it is in no format of LoRA. */
export function parseLoraKey(key: string): LoraKey | undefined {
  for (const [pattern, role] of ROLES) {
    const module = pattern.exec(key)?.[1];
    if (module !== undefined) return { module, role };
  }
  return undefined;
}

/** The method that a key belongs to, if it is one that is not supported. */
export function otherMethod(key: string): string | undefined {
  return OTHER_METHODS.find(([pattern]) => pattern.test(key))?.[1];
}

/** The base model that a key betrays, if it is one that is not supported. */
export function otherBase(key: string): string | undefined {
  if (SGM_BLOCK.test(key)) return 'Stable Diffusion XL';
  return OTHER_BASES.find(([pattern]) => pattern.test(key))?.[1];
}

/** What kohya puts before the names of a part. */
const FLAT_PREFIXES: Readonly<Record<LoraPart, readonly string[]>> = {
  unet: ['lora_unet_'],
  text_encoder: ['lora_te_', 'lora_te1_'],
  text_encoder_2: ['lora_te2_'],
};

const PARTS = Object.keys(FLAT_PREFIXES) as LoraPart[];

/** Finds modules in a base model: by dotted path, or by the flat name that kohya makes of it (`.` → `_`). */
export class LoraTargets {
  readonly #base: LoraBase;
  readonly #flat = new Map<string, LoraTarget>();
  readonly #layersPerBlock: number;

  constructor(base: LoraBase) {
    this.#base = base;
    this.#layersPerBlock = ldmLayout(base.unet.keys()).layersPerBlock;
    for (const part of PARTS) {
      for (const prefix of FLAT_PREFIXES[part]) {
        for (const weight of base[part]?.keys() ?? []) this.#addFlat(prefix, part, weight);
      }
    }
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
    return this.#flat.get(module) ?? this.#findSgm(module) ?? this.#findDotted(module);
  }

  #findSgm(module: string): LoraTarget | undefined {
    const sgm = SGM_BLOCK.exec(module)?.[1];
    const name = sgm && unetModule(sgm, this.#layersPerBlock);
    return name ? this.#flat.get(`lora_unet_${name.replaceAll('.', '_')}`) : undefined;
  }

  #findDotted(module: string): LoraTarget | undefined {
    const path = module.replace('base_model.model.', '');
    const prefix = PARTS.find((part) => path.startsWith(`${part}.`));
    const parts: readonly LoraPart[] = prefix ? [prefix] : PARTS;
    const weight = canonicalName(`${modernModule(prefix ? path.slice(prefix.length + 1) : path)}.weight`);
    const part = parts.find((candidate) => this.#base[candidate]?.has(weight));
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
