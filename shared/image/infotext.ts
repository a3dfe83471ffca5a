/**
 * The text that A1111 and Civitai read from a picture's `parameters`: how to make it again. `parse-infotext.ts` reads it.
 *
 * Source: AUTOMATIC1111/stable-diffusion-webui, modules/processing.py `create_infotext`, modules/infotext_utils.py `quote`;
 * Mikubill/sd-webui-controlnet, internal_controlnet/args.py, scripts/infotext.py.
 */

/** A LoRA as it was applied. */
export interface InfotextLora {
  readonly name: string;
  /** Of the text encoders' part, and of the UNet's where that has none of its own. */
  readonly weight: number;
  readonly unetWeight?: number;
  /** First ten hex digits of the hash that tools look LoRAs up by. */
  readonly hash?: string;
}

/** One ControlNet, in the words of its A1111 extension. */
export interface InfotextControlNet {
  /** Preprocessor: `canny`, `none`. */
  readonly module: string;
  readonly model: string;
  readonly weight: number;
  readonly resizeMode?: string;
  readonly processorRes?: number;
  readonly thresholdA?: number;
  readonly thresholdB?: number;
  /** Fractions of the steps, 0…1. */
  readonly guidanceStart: number;
  readonly guidanceEnd: number;
  readonly pixelPerfect?: boolean;
  readonly controlMode?: string;
}

/** What a picture was made of. Absent is what A1111 leaves out: its default, or not used. */
export interface Infotext {
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly steps: number;
  /** `DPM++ 2M`: without the schedule, which is a key of its own. */
  readonly sampler: string;
  /** `Karras`; absent is Automatic. */
  readonly scheduleType?: string;
  readonly cfgScale: number;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly modelHash?: string;
  readonly model?: string;
  readonly variationSeed?: number;
  /** 0 … 1. */
  readonly variationStrength?: number;
  /** The size that a seed's composition comes from. */
  readonly seedResizeFrom?: { readonly width: number; readonly height: number };
  readonly denoisingStrength?: number;
  /** Written when over 1. */
  readonly clipSkip?: number;
  /** Where the noise came from. A1111 takes absent for GPU, whose numbers are others. */
  readonly rng?: 'CPU' | 'NV';
  readonly loras?: readonly InfotextLora[];
  readonly controlNets?: readonly InfotextControlNet[];
  /** Any other pairs, written before the version. */
  readonly extra?: Readonly<Record<string, string>>;
  /** `latentmesh v1.0.0`. */
  readonly version?: string;
}

/** How the text is written. */
export interface InfotextOptions {
  /** Appends `<lora:name:weight>`, `<lora:name:te:unet>` to the prompt, from where A1111 applies them again. Default true. */
  readonly loraTags?: boolean;
}

/** Writes the text: prompt, negative prompt if there is one, and a last line of pairs in A1111's order. */
export function formatInfotext(info: Infotext, options: InfotextOptions = {}): string {
  const { loraTags = true } = options;
  const tags = loraTags ? (info.loras ?? []).map(loraTag) : [];
  const prompt = [info.prompt, ...tags].filter((part) => part !== '').join(' ');
  const lines = [prompt, info.negativePrompt && `Negative prompt: ${info.negativePrompt}`, pairsLine(info)];
  return lines.filter((line, i) => i === 0 || line).join('\n');
}

/** A1111 reads one weight for both parts, or that of the text encoder and that of the UNet. */
function loraTag({ name, weight, unetWeight = weight }: InfotextLora): string {
  return `<lora:${plain(name)}:${weight}${unetWeight === weight ? '' : `:${unetWeight}`}>`;
}

function pairsLine(info: Infotext): string {
  const pairs: [string, string | number | undefined][] = [
    ['Steps', info.steps],
    ['Sampler', info.sampler],
    ['Schedule type', info.scheduleType],
    ['CFG scale', info.cfgScale],
    ['Seed', info.seed],
    ['Size', `${info.width}x${info.height}`],
    ['Model hash', info.modelHash],
    ['Model', info.model],
    ['Variation seed', info.variationSeed],
    ['Variation seed strength', info.variationStrength],
    ['Seed resize from', info.seedResizeFrom && `${info.seedResizeFrom.width}x${info.seedResizeFrom.height}`],
    ['Denoising strength', info.denoisingStrength],
    ['Clip skip', info.clipSkip !== undefined && info.clipSkip > 1 ? info.clipSkip : undefined],
    ['RNG', info.rng],
    ['Lora hashes', loraHashes(info.loras ?? [])],
    ...(info.controlNets ?? []).map((net, i): [string, string] => [`ControlNet ${i}`, controlNetText(net)]),
    ...Object.entries(info.extra ?? {}),
    ['Version', info.version],
  ];
  return pairs
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}: ${quote(String(value))}`)
    .join(', ');
}

function quote(value: string): string {
  return /[,\n:]|^"/.test(value) ? JSON.stringify(value) : value;
}

function loraHashes(loras: readonly InfotextLora[]): string {
  return loras.flatMap(({ name, hash }) => (hash ? [`${plain(name)}: ${hash}`] : [])).join(', ');
}

function controlNetText(net: InfotextControlNet): string {
  const fields: [string, string | number | undefined][] = [
    ['Module', plain(net.module)],
    ['Model', plain(net.model)],
    ['Weight', float(net.weight)],
    ['Resize Mode', net.resizeMode],
    ['Processor Res', net.processorRes],
    ['Threshold A', net.thresholdA],
    ['Threshold B', net.thresholdB],
    ['Guidance Start', float(net.guidanceStart)],
    ['Guidance End', float(net.guidanceEnd)],
    ['Pixel Perfect', net.pixelPerfect === undefined ? undefined : net.pixelPerfect ? 'True' : 'False'],
    ['Control Mode', net.controlMode],
  ];
  return fields.flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}`])).join(', ');
}

/** Inside a list or a tag nothing is escaped: the readers split at these. */
function plain(name: string): string {
  return name.replaceAll(/[,:<>\n]/g, '_');
}

/** As Python prints a float: 1 is 1.0. */
function float(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
