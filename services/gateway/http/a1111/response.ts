/** A1111's answers: pictures in base64, and what they were made by as a text of JSON. */
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import type { ErrorBody, JobRecord } from '#shared/contracts/jobs.ts';
import type { MeshError } from '#shared/errors/errors.ts';
import { VERSION } from '#shared/service/version.ts';

/** The answer to a generation. */
export async function generationAnswer(
  { input, sendsImages }: { readonly input: GenerateInput; readonly sendsImages: boolean },
  {
    result,
    record,
    files,
  }: { readonly result: GenerateReply; readonly record: JobRecord; readonly files: ResultStore },
): Promise<object> {
  const images = sendsImages ? await Promise.all(result.images.map(({ object }) => base64(files, object?.name))) : [];
  return { images, parameters: withoutPictures(input), info: JSON.stringify(infoOf(result, record)) };
}

/** The answer to one that was given up on the way: what could be seen of it by then. */
export function interruptedAnswer(
  { input }: { readonly input: GenerateInput },
  { message, details }: MeshError,
): object {
  const images = typeof details.image === 'string' ? [details.image] : [];
  return { images, parameters: withoutPictures(input), info: JSON.stringify({ interrupted: true, comments: message }) };
}

async function base64(files: ResultStore, name: string | undefined): Promise<string> {
  return name === undefined ? '' : Buffer.from(await files.get(name)).toString('base64');
}

/** The fields that clients read, by the web UI's names; ours beside them. */
function infoOf(result: GenerateReply, { request = {} }: JobRecord): object {
  const { images, job, trace_id, model, warnings, timings } = result;
  const prompts = spread(request.prompt, images.length);
  const negatives = spread(request.negative_prompt, images.length);
  const [first] = images;
  return {
    prompt: prompts[0] ?? '',
    all_prompts: prompts,
    negative_prompt: negatives[0] ?? '',
    all_negative_prompts: negatives,
    seed: first?.seed ?? -1,
    all_seeds: images.map(({ seed }) => seed),
    subseed: request.subseed ?? -1,
    subseed_strength: request.subseed_strength ?? 0,
    width: first?.width,
    height: first?.height,
    sampler_name: request.sampler,
    scheduler: request.schedule,
    cfg_scale: request.guidance_scale,
    steps: request.steps,
    batch_size: images.length,
    restore_faces: false,
    face_restoration_model: null,
    sd_model_name: model,
    sd_model_hash: null,
    denoising_strength: request.strength ?? null,
    extra_generation_params: {},
    index_of_first_image: 0,
    infotexts: images.map(({ parameters }) => parameters),
    styles: [],
    job_timestamp: '0',
    clip_skip: request.clip_skip,
    is_using_inpainting_conditioning: false,
    version: `latentmesh v${VERSION}`,
    ...{ job, trace_id, warnings, timings },
  };
}

function spread(value: unknown, count: number): string[] {
  return Array.isArray(value) ? value : Array.from({ length: count }, () => String(value ?? ''));
}

/** Pictures of the request need not come back. */
function withoutPictures({ init_image, mask_image, controlnets = [], ...rest }: GenerateInput): object {
  return { ...rest, controlnets: controlnets.map(({ image, ...unit }) => unit) };
}

/** The web UI's form of an error; `error` is the code of the mesh. */
export function a1111Error({ code, message, details }: ErrorBody): object {
  return { error: code, detail: message, body: '', errors: message, ...(details && { details }) };
}
