/** A request as a line for a terminal: with curl, or with the command line of the mesh. For POSIX shells. */
import type { GenerateInput } from '#shared/contracts/generate.ts';

/** Asks the gateway at `address` (which ends in `/`). */
export function curlText(request: GenerateInput, address: string): string {
  const body = quoted(JSON.stringify(request, undefined, 2));
  return `curl -sS ${address}v1/jobs -H 'content-type: application/json' -d ${body}`;
}

/** `npx latentmesh generate …`; pictures are named as the mesh keeps them. */
export function commandText(request: GenerateInput): string {
  const flags = [...plainFlags(request), ...unitFlags(request), ...startFlags(request)];
  const text = flags.map(([name, value]) => (value === true ? `--${name}` : `--${name} ${quoted(String(value))}`));
  return ['npx latentmesh generate', quoted(String(request.prompt)), ...text].join(' ');
}

type Flag = readonly [name: string, value: string | number | true];

function given(flags: readonly (readonly [string, string | number | boolean | undefined])[]): Flag[] {
  return flags.filter((flag): flag is Flag => flag[1] !== undefined && flag[1] !== false);
}

function plainFlags(request: GenerateInput): Flag[] {
  const { deep_cache: cache, lora_start: enter } = request;
  return given([
    ['negative', request.negative_prompt as string | undefined],
    ['steps', request.steps],
    ['guidance', request.guidance_scale],
    ['guidance-rescale', request.guidance_rescale],
    ['sampler', request.sampler],
    ['schedule', request.schedule],
    ['width', request.width],
    ['height', request.height],
    ['seed', request.seed as number | undefined],
    ['batch', request.batch],
    ['clip-skip', request.clip_skip],
    ['preset', request.preset],
    ['deep-cache', cache && deepCacheText(cache)],
    ['controlnet-every', request.controlnet_every],
    ['subseed', request.subseed],
    ['subseed-strength', request.subseed_strength],
    ['guess-mode', request.guess_mode],
    ['lora-start', enter && (enter === 'exact' ? enter : loraStartText(enter))],
  ]);
}

function deepCacheText(cache: NonNullable<GenerateInput['deep_cache']>): string {
  const { cache_interval: interval, cache_branch_id: branch = 0, cache_start: from = 0, cache_end: to = 1 } = cache;
  return `${interval}:${branch}:${from}-${to}`;
}

function loraStartText(enter: { at_step: number } | { max_steps: number }): string {
  return 'at_step' in enter ? `at:${enter.at_step}` : `max:${enter.max_steps}`;
}

function unitFlags({ loras = [], controlnets = [] }: GenerateInput): Flag[] {
  const guides = controlnets.map((unit): Flag => {
    const {
      controlnet_conditioning_scale: scale = 1,
      control_guidance_start: from = 0,
      control_guidance_end: to = 1,
    } = unit;
    return ['controlnet', `${unit.controlnet}:${unit.image}@${scale}:${from}-${to}`];
  });
  const [first] = controlnets;
  return [
    ...loras.map(({ lora, weight = 1 }): Flag => ['lora', `${lora}@${weight}`]),
    ...guides,
    ...given([['preprocessor', first?.preprocessor as string | undefined]]),
  ];
}

function startFlags(request: GenerateInput): Flag[] {
  const { outpaint, hires } = request;
  return given([
    ['init-image', request.init_image],
    ['strength', request.strength],
    ['resize-mode', request.resize_mode],
    ['mask', request.mask_image],
    ['mask-blur', request.mask_blur],
    ['mask-invert', request.mask_invert],
    ['inpaint-fill', request.inpaint_fill],
    ['only-masked', request.inpaint_full_res && (request.inpaint_full_res_padding ?? true)],
    ['no-keep-unmasked', request.keep_unmasked === false],
    ['outpaint', outpaint && [outpaint.left, outpaint.right, outpaint.top, outpaint.bottom].map((n) => n ?? 0).join()],
    ['hires', hires?.scale],
    ['hires-steps', hires?.steps],
    ['hires-strength', hires?.strength],
    ['hires-upscaler', hires?.upscaler],
  ]);
}

/** One word for a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
