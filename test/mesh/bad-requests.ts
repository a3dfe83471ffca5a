/** Requests that nobody can serve, each with what every door answers: the code, and the path of the field where one is to blame. */
import type { ErrorCode } from '#shared/errors/errors.ts';

/** What is answered. */
export interface Refusal {
  readonly code: ErrorCode;
  /** Of the field that is to blame, the first of several. */
  readonly path?: string | undefined;
  readonly message?: RegExp;
  /** Among `details.nearest`. */
  readonly nearest?: string;
}

/** One row of the table. */
export interface BadRequest extends Refusal {
  readonly what: string;
  /** As it goes over NATS, besides a prompt that is right. */
  readonly request: object;
  /** The same for POST /v1/images/generations where its fields are others; `none` where it cannot be said there. */
  readonly http?: object | 'none';
  readonly httpPath?: string;
  /** The same as arguments of `latentmesh generate`, where they can say it; the first one is the prompt. */
  readonly cli?: readonly string[];
}

const refused = (path: string, what: string, value: unknown, more: Partial<BadRequest> = {}): BadRequest => ({
  what,
  request: { [path.split('.')[0]!]: value },
  code: 'INVALID_REQUEST',
  path,
  ...more,
});

const cat = (...flags: string[]): { cli: string[] } => ({ cli: ['a cat', ...flags] });

const PROMPTS: readonly BadRequest[] = [
  refused('prompt', 'a prompt too long', 'x'.repeat(4001), { cli: ['x'.repeat(4001)] }),
  refused('prompt', 'a prompt that is a number', 7),
  refused('prompt', 'no prompt', undefined),
  refused('prompt', 'a list without a prompt', []),
  refused('prompt.1', 'a number among prompts', ['a cat', 7]),
  refused('prompt', 'more prompts than pictures', Array(9).fill('a cat')),
  refused('negative_prompt', 'a negative prompt too long', 'x'.repeat(4001)),
];

const TURNS: readonly BadRequest[] = [
  refused('priority', 'an unknown priority', 'urgent'),
  refused('client', 'a client too long', 'c'.repeat(257), cat('--client', 'c'.repeat(257))),
  refused('client', 'a client without a name', '', cat('--client', '')),
];

const size = (what: string, width: unknown, more: Partial<BadRequest> = {}): BadRequest =>
  refused('width', what, width, { http: 'none', httpPath: 'size', ...more });

const SIZES: readonly BadRequest[] = [
  size('a width that 8 does not divide', 65, { ...cat('--width', '65'), http: { size: '65x64' } }),
  size('a width over the limit', 2056, { http: { size: '2056x64' } }),
  size('a width under the limit', 56, { http: { size: '56x64' } }),
  size('a width of 0', 0, cat('--width', '0')),
  size('a negative width', -64, cat('--width', '-64')),
  size('a width that is no whole number', 64.5),
  size('a width in words', '64'),
  size('a width of null', null),
];

const NUMBERS: readonly BadRequest[] = [
  refused('steps', 'no steps', 0, cat('--steps', '0')),
  refused('steps', 'too many steps', 151, cat('--steps', '151')),
  refused('steps', 'half a step', 1.5),
  refused('steps', 'steps in words', '20'),
  refused('guidance_scale', 'negative guidance', -1),
  refused('guidance_scale', 'too much guidance', 51, cat('--guidance', '51')),
  refused('guidance_scale', 'guidance in words', 'high'),
  refused('seed', 'a negative seed', -1),
  refused('seed', 'a seed that JSON cannot hold exactly', 2 ** 53),
  refused('seed', 'a fraction of a seed', 0.5),
  refused('seed.1', 'a wrong seed among others', [1, -1]),
  refused('seed', 'a seed in words', 'lucky'),
  refused('clip_skip', 'a clip skip of 0', 0),
  refused('clip_skip', 'a clip skip over the limit', 13),
  refused('clip_skip', 'more clip skip than layers', 12, { code: 'UNSUPPORTED_OPTION', ...cat('--clip-skip', '12') }),
  refused('eta', 'a negative eta', -0.1),
  refused('eta', 'an eta over 1', 1.1),
  {
    ...refused('eta', 'an eta without a meaning', 0.5),
    request: { eta: 0.5, sampler: 'Euler' },
    code: 'UNSUPPORTED_OPTION',
  },
  refused('batch', 'no pictures', 0, { http: { n: 0 }, httpPath: 'n', ...cat('--batch', '0') }),
  refused('batch', 'too many pictures', 9, { http: { n: 9 }, httpPath: 'n' }),
  refused('deadline_ms', 'no time', 0),
  { ...refused('seed', 'lists that disagree', [1, 2, 3]), request: { prompt: ['a', 'b'], seed: [1, 2, 3] } },
];

const NAMES: readonly BadRequest[] = [
  refused('sampler', 'an unknown sampler', 'Eular a', {
    code: 'UNKNOWN_SAMPLER',
    nearest: 'Euler a',
    message: /Did you mean Euler a/,
    ...cat('--sampler', 'Eular a'),
  }),
  refused('sampler', 'a sampler without a name', ''),
  refused('model', 'another model', 'sd51', { code: 'UNKNOWN_MODEL', nearest: 'sd15' }),
  refused('model', 'a path for a model', '/etc/passwd', { code: 'UNKNOWN_MODEL' }),
  refused('widht', 'a slip in the name of a field', 64, {
    message: /did you mean (width|steps)/,
    http: { stesp: 1 },
    httpPath: 'stesp',
  }),
  refused('job', 'a job id with a dot', 'a.b'),
  refused('job', 'a job id with a wildcard', '>'),
  refused('job', 'a job id with a space', 'a b'),
  refused('job', 'a job id too long', 'x'.repeat(65)),
  refused('job', 'an empty job id', ''),
];

const lora = (what: string, name: string, more: Partial<BadRequest>): BadRequest => ({
  what,
  request: { loras: [{ lora: name }] },
  code: 'INVALID_REQUEST',
  path: 'loras.0.lora',
  ...more,
});

const LORAS: readonly BadRequest[] = [
  lora('an unknown LoRA', 'a-kohia', { code: 'UNKNOWN_LORA', nearest: 'a-kohya', ...cat('--lora', 'a-kohia@0.5') }),
  lora('a LoRA of Stable Diffusion XL', 'sdxl', { code: 'LORA_MISMATCH', message: /Stable Diffusion XL/ }),
  lora('a LoRA with a key that nothing uses', 'unused-key', {
    code: 'LORA_UNKNOWN_KEY',
    message: /text_model\.unused/,
  }),
  lora('a LoRA of whole numbers', 'whole-numbers', { code: 'LORA_INVALID' }),
  lora('a LoRA cut off', 'cut-off', { code: 'SAFETENSORS_INVALID', message: /cut off/ }),
  lora('a LoRA that announces terabytes', 'announces-much', { code: 'SAFETENSORS_INVALID' }),
  lora('a LoRA whose size overflows', 'overflows', { code: 'SAFETENSORS_INVALID' }),
  lora('an empty LoRA', 'empty', { code: 'SAFETENSORS_INVALID' }),
  lora('a LoRA that changes biases', 'biases', { code: 'LORA_UNSUPPORTED', message: /differences of biases/ }),
  lora('a LoRA of two kinds', 'two-kinds', {
    code: 'LORA_INVALID',
    message: /LoRA, in which .*hada_w1_a has no place/,
  }),
  lora('half a LoRA', 'missing-up', { code: 'LORA_INVALID', message: /up factor/ }),
  lora('a LoRA that is no safetensors file', 'not-safetensors', { code: 'SAFETENSORS_INVALID' }),
  lora('a LoRA of another width', 'other-width', { code: 'LORA_MISMATCH', ...cat('--lora', 'other-width') }),
  lora('a LoRA of two ranks', 'rank-mismatch', { code: 'LORA_INVALID' }),
  lora('a LoRA with half a header', 'truncated-header', { code: 'SAFETENSORS_INVALID' }),
  lora('a LoRA with half its data', 'truncated', { code: 'SAFETENSORS_INVALID' }),
  lora('a LoRA for modules that are not there', 'unknown-module', { code: 'LORA_UNKNOWN_KEY' }),
  lora('what is no LoRA', 'unrelated', { code: 'LORA_INVALID' }),
  lora('a LoRA without a name', '', {}),
  lora('a path up', '../loras/a-kohya', cat('--lora', '../loras/a-kohya')),
  lora('an absolute path', '/etc/passwd', {}),
  lora('a path with backslashes', '..\\a-kohya', {}),
  lora('a name with NUL', 'a-kohya\0', {}),
  lora('a name too long', 'x'.repeat(5000), {}),
  lora('a weight over the limit', 'a-kohya', {
    request: { loras: [{ lora: 'a-kohya', weight: 11 }] },
    path: 'loras.0.weight',
    ...cat('--lora', 'a-kohya@11'),
  }),
  lora('a LoRA as text', '', { request: { loras: ['a-kohya'] }, path: 'loras.0' }),
  lora('the bad one of two', '', {
    request: { loras: [{ lora: 'a-kohya' }, { lora: 'biases' }] },
    code: 'LORA_UNSUPPORTED',
    path: 'loras.1.lora',
  }),
];

const control = (what: string, unit: object, more: Partial<BadRequest>): BadRequest => ({
  what,
  request: { controlnets: [{ controlnet: 'controlnet-a', image: PIXEL, ...unit }] },
  code: 'INVALID_REQUEST',
  path: 'controlnets.0.controlnet',
  ...more,
});

/** A picture of one pixel. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>').toString('base64');
const IMAGE = 'controlnets.0.image';

/** A PNG header that says 65 535 × 65 535. */
function bomb(): string {
  const png = Buffer.from(PIXEL, 'base64');
  png.writeUInt32BE(65_535, 16);
  png.writeUInt32BE(65_535, 20);
  return png.toString('base64');
}

const CONTROLNETS: readonly BadRequest[] = [
  control(
    'an unknown ControlNet',
    { controlnet: 'controlnet-z' },
    { code: 'UNKNOWN_CONTROLNET', nearest: 'controlnet-a' },
  ),
  control('a ControlNet of another model', { controlnet: 'edges' }, { code: 'CONTROLNET_MISMATCH' }),
  control('a ControlNet cut off', { controlnet: 'cut-off' }, { code: 'SAFETENSORS_INVALID' }),
  control('a ControlNet whose header lies', { controlnet: 'hostile' }, { code: 'WEIGHT_MISSING' }),
  control('a ControlNet that is a web page', { controlnet: 'no-safetensors' }, { code: 'SAFETENSORS_INVALID' }),
  control('a path up', { controlnet: '../controlnet-a' }, {}),
  control('an absolute path', { controlnet: '/etc' }, {}),
  control(
    'a window that ends before it starts',
    { control_guidance_start: 0.8, control_guidance_end: 0.2 },
    {
      path: 'controlnets.0.control_guidance_start',
    },
  ),
  control(
    'a window without width',
    { control_guidance_start: 0.5, control_guidance_end: 0.5 },
    {
      path: 'controlnets.0.control_guidance_start',
    },
  ),
  control('thresholds the wrong way round', { canny_low: 200, canny_high: 100 }, { path: 'controlnets.0.canny_low' }),
  control('a slip in a field of a ControlNet', { scale: 1 }, { path: 'controlnets.0.scale' }),
  control('an unknown preprocessor', { preprocessor: 'depth' }, { path: 'controlnets.0.preprocessor' }),
  control('no image', { image: undefined }, { path: IMAGE }),
  control('an empty image', { image: '' }, { path: IMAGE }),
  control(
    'an image that is no picture',
    { image: Buffer.from('hello').toString('base64') },
    { code: 'INVALID_IMAGE', path: IMAGE },
  ),
  control('an image cut off', { image: PIXEL.slice(0, 72) }, { code: 'INVALID_IMAGE', path: IMAGE }),
  control('an SVG', { image: SVG }, { code: 'INVALID_IMAGE', path: IMAGE }),
  control('what is no base64', { image: 'a cat!' }, { code: 'INVALID_IMAGE', path: IMAGE }),
  control('the address of a picture', { image: 'https://example.com/a.png' }, { code: 'INVALID_IMAGE', path: IMAGE }),
  control('a picture of too many pixels', { image: bomb() }, { code: 'IMAGE_TOO_LARGE', path: IMAGE }),
  control('an object that is not there', { image: 'object:nothing' }, { code: 'INVALID_IMAGE', path: IMAGE }),
  control('an object without a name', { image: 'object:' }, { code: 'INVALID_IMAGE', path: IMAGE }),
  control('an object by a path', { image: 'object:../../etc/passwd' }, { code: 'INVALID_IMAGE', path: IMAGE }),
  control('an object by a wildcard', { image: 'object:>' }, { code: 'INVALID_IMAGE', path: IMAGE }),
];

const PIXEL_IMAGE = { init_image: PIXEL };

const start = (what: string, path: string, request: object, more: Partial<BadRequest> = {}): BadRequest => ({
  what,
  request,
  code: 'INVALID_REQUEST',
  path,
  ...more,
});

const STARTS: readonly BadRequest[] = [
  start('a strength above 1', 'strength', { ...PIXEL_IMAGE, strength: 1.01 }),
  start('a negative strength', 'strength', { ...PIXEL_IMAGE, strength: -0.5 }),
  start('a strength in words', 'strength', { ...PIXEL_IMAGE, strength: 'all' }),
  start('a strength that leaves no step', 'strength', { ...PIXEL_IMAGE, steps: 4, strength: 0.2 }),
  start('a strength without a picture', 'strength', { strength: 0.5 }, cat('--strength', '0.5')),
  start('a mask without a picture', 'mask_image', { mask_image: PIXEL }),
  start('a blur without a mask', 'mask_blur', { ...PIXEL_IMAGE, mask_blur: 4 }),
  start('an unknown fill', 'inpaint_fill', { ...PIXEL_IMAGE, mask_image: PIXEL, inpaint_fill: 'noise' }),
  start('an unknown resize mode', 'resize_mode', { ...PIXEL_IMAGE, resize_mode: 'cover' }),
  start('sides that 8 does not divide', 'outpaint.left', { ...PIXEL_IMAGE, outpaint: { left: 12 } }),
  start(
    'a second run no larger than the first',
    'hires.width',
    { width: 64, height: 64, hires: { width: 64, height: 64 } },
    { http: 'none', ...cat('--width', '64', '--height', '64', '--hires', '64x64') },
  ),
  start('a second run of a picture', 'hires', { ...PIXEL_IMAGE, hires: {} }),
  start('an upscaler that is not there', 'hires.upscaler', { hires: { upscaler: 'ESRGAN' } }),
  start(
    'a subseed strength above 1',
    'subseed_strength',
    { subseed: 1, subseed_strength: 2 },
    cat('--subseed-strength', '2'),
  ),
  start(
    'a start that is no picture',
    'init_image',
    { init_image: Buffer.from('hello').toString('base64') },
    { code: 'INVALID_IMAGE' },
  ),
  start(
    'a start that is an address',
    'init_image',
    { init_image: 'https://example.org/cat.png' },
    { code: 'INVALID_IMAGE' },
  ),
  start('a start cut off', 'init_image', { init_image: PIXEL.slice(0, 72) }, { code: 'INVALID_IMAGE' }),
  start('a start of more pixels than memory', 'init_image', { init_image: bomb() }, { code: 'IMAGE_TOO_LARGE' }),
  start('a mask that is no picture', 'mask_image', { ...PIXEL_IMAGE, mask_image: 'eHh4' }, { code: 'INVALID_IMAGE' }),
];

/** All of them. */
export const BAD_REQUESTS: readonly BadRequest[] = [
  ...STARTS,
  ...PROMPTS,
  ...TURNS,
  ...SIZES,
  ...NUMBERS,
  ...NAMES,
  ...LORAS,
  ...CONTROLNETS,
];

/** A payload that is wrong before a field of it can be read. */
export interface BadPayload extends Refusal {
  readonly what: string;
  readonly payload: Uint8Array<ArrayBuffer> | string;
}

/** All of them. */
export const BAD_PAYLOADS: readonly BadPayload[] = [
  { what: 'what is no JSON', payload: '{"prompt": "a cat",}', code: 'INVALID_JSON' },
  { what: 'half of a JSON', payload: '{"prompt": "a c', code: 'INVALID_JSON' },
  { what: 'what is no UTF-8', payload: Buffer.from('{"prompt": "\xff"}', 'latin1'), code: 'INVALID_JSON' },
  { what: 'nothing', payload: '', code: 'INVALID_REQUEST', path: 'prompt' },
  { what: 'an empty object', payload: '{}', code: 'INVALID_REQUEST', path: 'prompt' },
  { what: 'a list', payload: '[{"prompt": "a cat"}]', code: 'INVALID_REQUEST' },
  { what: 'null', payload: 'null', code: 'INVALID_REQUEST' },
  { what: 'a text', payload: '"a cat"', code: 'INVALID_REQUEST' },
  {
    what: 'lists in lists',
    payload: `{"prompt": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
    code: 'INVALID_REQUEST',
  },
  { what: 'objects in objects', payload: `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, code: 'INVALID_REQUEST' },
  {
    what: 'a number beyond all',
    payload: '{"prompt": "a cat", "steps": 1e999}',
    code: 'INVALID_REQUEST',
    path: 'steps',
  },
  {
    what: '__proto__',
    payload: '{"prompt": "a cat", "__proto__": {"steps": 1}}',
    code: 'INVALID_REQUEST',
    path: '__proto__',
  },
  {
    what: 'constructor',
    payload: '{"prompt": "a cat", "constructor": {"prototype": {}}}',
    code: 'INVALID_REQUEST',
    path: 'constructor',
  },
  {
    what: 'a name of 100 KB for a field',
    payload: JSON.stringify({ prompt: 'a cat', ['x'.repeat(100_000)]: 1 }),
    code: 'INVALID_REQUEST',
  },
  {
    what: 'very many unknown fields',
    payload: JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`f${i}`, i]))),
    code: 'INVALID_REQUEST',
  },
];
