/**
 * Reads what `infotext.ts` writes, and what A1111 itself wrote.
 *
 * Source: AUTOMATIC1111/stable-diffusion-webui, modules/infotext_utils.py `parse_generation_parameters`.
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { Infotext, InfotextControlNet, InfotextLora } from './infotext.ts';

const PAIR = /\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/g;
/** A last line with fewer pairs is part of a prompt. */
const MIN_PAIRS = 3;
const NEGATIVE = 'Negative prompt:';
/** `<lora:name>`, `<lora:name:weight>`, `<lora:name:te:unet>`, with the space before it. */
const LORA_TAG = / ?<lora:([^:>]+)(?::(-?[\d.]+(?:e-?\d+)?))?(?::(-?[\d.]+(?:e-?\d+)?))?>/g;
const MAX_INFOTEXT_CHARACTERS = 65_536;
/** `PAIR` takes quadratic time on hostile text; real lines have a few KB. */
const MAX_LINE_CHARACTERS = 16_384;

/**
 * Takes a text apart. `<lora:name:weight>` in the prompt become `loras`; pairs that have no field are in `extra`.
 * @throws MeshError INVALID_REQUEST when it is too long or its last line lacks steps, sampler, seed or size
 */
export function parseInfotext(text: string): Infotext {
  if (text.length > MAX_INFOTEXT_CHARACTERS) {
    throw unreadable(`it is longer than ${MAX_INFOTEXT_CHARACTERS} characters`);
  }
  const lines = text.trim().split('\n');
  const lastLine = lines.at(-1) ?? '';
  if (lastLine.length > MAX_LINE_CHARACTERS) throw unreadable(`its last line is longer than ${MAX_LINE_CHARACTERS}`);
  const pairs = pairsOf(lastLine);
  if (pairs.size < MIN_PAIRS) throw unreadable('its last line holds no parameters');
  const { prompt, negativePrompt, loras } = promptsOf(lines.slice(0, -1), loraHashesOf(pairs));
  return {
    prompt,
    ...(negativePrompt && { negativePrompt }),
    ...knownFields(pairs),
    ...(loras.length > 0 && { loras }),
    ...restOf(pairs),
  };
}

function pairsOf(line: string): Map<string, string> {
  return new Map([...line.matchAll(PAIR)].map(([, key, value]) => [key!, unquote(value!)]));
}

function unquote(value: string): string {
  if (!/^".*"$/s.test(value)) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return value; // A1111 keeps it as it stands, too.
  }
}

interface Prompts {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly loras: readonly InfotextLora[];
}

function promptsOf(lines: readonly string[], hashes: ReadonlyMap<string, string>): Prompts {
  const trimmed = lines.map((line) => line.trim());
  const at = trimmed.findIndex((line) => line.startsWith(NEGATIVE));
  const positive = at < 0 ? trimmed : trimmed.slice(0, at);
  const negative = at < 0 ? '' : trimmed.slice(at).join('\n').slice(NEGATIVE.length);
  const loras: InfotextLora[] = [];
  const prompt = positive.join('\n').replaceAll(LORA_TAG, (_, name: string, weight = '1', unet = weight) => {
    const hash = hashes.get(name);
    const unetWeight = unet === weight ? {} : { unetWeight: Number(unet) };
    loras.push({ name, weight: Number(weight), ...unetWeight, ...(hash && { hash }) });
    return '';
  });
  return { prompt: prompt.trim(), negativePrompt: negative.trim(), loras };
}

function knownFields(pairs: Map<string, string>): Omit<Infotext, 'prompt'> {
  const { width, height } = sizeOf(take(pairs, 'Size')) ?? {};
  const required = {
    steps: number(take(pairs, 'Steps')),
    sampler: take(pairs, 'Sampler'),
    cfgScale: number(take(pairs, 'CFG scale')),
    seed: number(take(pairs, 'Seed')),
    width,
    height,
  };
  const missing = Object.entries(required).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length > 0) throw unreadable(`its last line lacks ${missing.join(', ')}`);
  const optional = {
    scheduleType: take(pairs, 'Schedule type'),
    modelHash: take(pairs, 'Model hash'),
    model: take(pairs, 'Model'),
    variationSeed: number(take(pairs, 'Variation seed')),
    variationStrength: number(take(pairs, 'Variation seed strength')),
    seedResizeFrom: sizeOf(take(pairs, 'Seed resize from')),
    denoisingStrength: number(take(pairs, 'Denoising strength')),
    clipSkip: number(take(pairs, 'Clip skip')),
    rng: take(pairs, 'RNG'),
    version: take(pairs, 'Version'),
  };
  return { ...required, ...present(optional) } as Omit<Infotext, 'prompt'>;
}

/** `512x768`. */
function sizeOf(text: string | undefined): { width: number; height: number } | undefined {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(text ?? '') ?? [];
  return width === undefined ? undefined : { width: Number(width), height: Number(height) };
}

function restOf(pairs: Map<string, string>): Pick<Infotext, 'controlNets' | 'extra'> {
  const controlNets: InfotextControlNet[] = [];
  for (let i = 0; pairs.has(`ControlNet ${i}`); i++) controlNets.push(controlNetOf(take(pairs, `ControlNet ${i}`)!));
  return {
    ...(controlNets.length > 0 && { controlNets }),
    ...(pairs.size > 0 && { extra: Object.fromEntries(pairs) }),
  };
}

function controlNetOf(text: string): InfotextControlNet {
  const fields = listOf(text);
  const pixelPerfect = fields.get('Pixel Perfect');
  const optional = {
    resizeMode: fields.get('Resize Mode'),
    processorRes: number(fields.get('Processor Res')),
    thresholdA: number(fields.get('Threshold A')),
    thresholdB: number(fields.get('Threshold B')),
    pixelPerfect: pixelPerfect === undefined ? undefined : pixelPerfect === 'True',
    controlMode: fields.get('Control Mode'),
  };
  return {
    module: fields.get('Module') ?? 'none',
    model: fields.get('Model') ?? 'None',
    weight: number(fields.get('Weight')) ?? 1,
    guidanceStart: number(fields.get('Guidance Start')) ?? 0,
    guidanceEnd: number(fields.get('Guidance End')) ?? 1,
    ...(present(optional) as Partial<InfotextControlNet>),
  };
}

function loraHashesOf(pairs: Map<string, string>): Map<string, string> {
  return listOf(take(pairs, 'Lora hashes') ?? '');
}

/** `Name: value, Name: value`. */
function listOf(text: string): Map<string, string> {
  const items = text.split(',').map((item) => item.trim().split(': '));
  return new Map(items.flatMap(([key, value]) => (key && value !== undefined ? [[key, value]] : [])));
}

function take(pairs: Map<string, string>, key: string): string | undefined {
  const value = pairs.get(key);
  pairs.delete(key);
  return value;
}

function number(text: string | undefined): number | undefined {
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function present<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function unreadable(reason: string): MeshError {
  return new MeshError('INVALID_REQUEST', `The generation parameters cannot be read: ${reason}.`, { reason });
}
