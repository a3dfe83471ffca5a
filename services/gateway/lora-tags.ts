/** LoRAs inside a prompt, as A1111 writes them: `<lora:name>`, `<lora:name:weight>`, `<lora:name:te:unet>`, `<lora:name:te=1:unet=0.5>`. */
import type { GenerateRequest, LoraUnit, PromptSyntax, Warning } from '#shared/contracts/generate.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { invalidRequest } from './validation.ts';

type Prompts = GenerateRequest['prompt'];

const TAG = /<(\w+):([^>]+)>/g;
/** `lyco` is what an extension called those of other kinds, before the web UI had one name for all. */
const KINDS = ['lora', 'lyco'];

/** The prompts without their tags, and the tags as LoRAs. */
export interface Untagged {
  readonly prompt: Prompts;
  readonly loras: LoraUnit[];
}

/**
 * Takes the tags out of prompts; the pictures of a job share their LoRAs, so each prompt must have the same ones.
 * @throws MeshError INVALID_REQUEST for a tag that is not right; UNSUPPORTED_OPTION for one of another kind
 */
export function takeLoraTags(prompt: Prompts): Untagged {
  if (typeof prompt === 'string') return { prompt: prompt.replaceAll(TAG, ''), loras: lorasIn(prompt, 'prompt') };
  const all = prompt.map((one, i) => lorasIn(one, `prompt.${i}`));
  const other = all.findIndex((loras) => JSON.stringify(loras) !== JSON.stringify(all[0]));
  if (other > 0) {
    const message = 'has other LoRA tags than the first prompt: the pictures of a job share their LoRAs';
    throw invalidRequest([{ path: `prompt.${other}`, message }]);
  }
  return { prompt: prompt.map((one) => one.replaceAll(TAG, '')), loras: all[0]! };
}

/** Told rather than guessed: what looks like a tag is text where tags are not read. */
export function warnOfUnreadTags(
  request: Pick<GenerateRequest, 'prompt' | 'negative_prompt' | 'prompt_syntax'>,
): Warning[] {
  const fields =
    request.prompt_syntax === 'plain' ? (['prompt', 'negative_prompt'] as const) : (['negative_prompt'] as const);
  return fields.flatMap((field) => {
    const tag = [request[field] ?? ''].flat().flatMap((one) => one.match(/<(?:lora|lyco):[^>]+>/) ?? [])[0];
    return tag === undefined ? [] : [{ field, message: `${tag} was read as text: ${reason(request.prompt_syntax)}.` }];
  });
}

function reason(syntax: PromptSyntax): string {
  return syntax === 'plain'
    ? 'set prompt_syntax to "a1111", or name it in loras'
    : 'LoRAs belong into prompt, or into loras';
}

function lorasIn(prompt: string, path: string): LoraUnit[] {
  return [...prompt.matchAll(TAG)].map(([tag, kind, content]) => {
    if (!KINDS.includes(kind!)) throw unsupported(path, `${tag} is a tag of a kind that this mesh does not have`);
    return loraOf(content!.split(':'), { tag, path });
  });
}

function loraOf(items: readonly string[], where: { readonly tag: string; readonly path: string }): LoraUnit {
  const isNamed = (item: string): boolean => item.includes('=');
  const [lora = '', first, second] = items.filter((item) => !isNamed(item));
  const named = new Map(items.filter(isNamed).map((item) => item.split('=', 2) as [string, string]));
  const foreign = [...named.keys()].find((key) => key !== 'te' && key !== 'unet');
  if (foreign !== undefined) throw unsupported(where.path, `${where.tag} has ${foreign}, which is not supported`);
  if (lora === '') throw invalidRequest([{ path: where.path, message: `has ${where.tag}, which names no LoRA` }]);
  const te = weightOf(named.get('te') ?? first ?? '1', where);
  const unet = weightOf(named.get('unet') ?? second ?? String(te), where);
  return te === unet ? { lora, weight: te } : { lora, weight: 1, te_weight: te, unet_weight: unet };
}

/** The bounds are those of the field. */
function weightOf(text: string, { tag, path }: { readonly tag: string; readonly path: string }): number {
  const weight = text.trim() === '' ? Number.NaN : Number(text);
  if (Math.abs(weight) <= 10) return weight;
  throw invalidRequest([{ path, message: `has ${tag}, whose weights must be numbers from -10 to 10` }]);
}

function unsupported(path: string, problem: string): MeshError {
  return new MeshError('UNSUPPORTED_OPTION', `${path}: ${problem}. Take it out.`, { path });
}
