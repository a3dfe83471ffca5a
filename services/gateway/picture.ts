/** A finished picture: PNG with the parameters it was made by, in the text that A1111 and Civitai read. */
import type { GenerateReply } from '#shared/contracts/generate.ts';
import { resolveSampler } from '#shared/diffusion/sampler-names.ts';
import { resolveSchedule, SCHEDULE_LABELS } from '#shared/diffusion/schedule-names.ts';
import { formatInfotext, type InfotextLora } from '#shared/image/infotext.ts';
import { encodePng, PARAMETERS_KEYWORD } from '#shared/image/png.ts';
import { VERSION } from '#shared/service/version.ts';
import { type Tensor, tensor } from '#shared/tensor/tensor.ts';
import type { AdmittedJob } from './job.ts';
import { refinerPairs } from './refiner.ts';
import { sizePairs } from './size-conditioning.ts';
import { startFields, startPairs } from './start-text.ts';

/** One picture of a job. */
export interface Picture {
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly parameters: string;
  readonly png: Uint8Array;
}

/** A job that has been done: what was asked, and what only its run could tell. */
export type DoneJob = AdmittedJob & Pick<GenerateReply, 'lora_entered_step'>;

/** pixels u8 [B, H, W, 3] → B pictures */
export function toPictures(job: DoneJob, pixels: Tensor<'u8'>): Promise<Picture[]> {
  const [batch, height, width] = pixels.shape as [number, number, number, number];
  const size = height * width * 3;
  const pictures = Array.from({ length: batch }, async (_, i) => {
    const parameters = parametersText(job, i);
    const one = tensor('u8', [height, width, 3], pixels.data.subarray(i * size, (i + 1) * size));
    const png = await encodePng(one, { [PARAMETERS_KEYWORD]: parameters });
    return { seed: job.seeds[i]!, width, height, parameters, png };
  });
  return Promise.all(pictures);
}

/** In the words of A1111's extension. */
const RESIZE_MODES = { stretch: 'Just Resize', crop: 'Crop and Resize', fill: 'Resize and Fill' } as const;

/** The parameters of the i-th picture. */
export function parametersText(job: DoneJob, index: number): string {
  const { sampler } = resolveSampler(job.sampler);
  return formatInfotext({
    prompt: job.prompts[index]!,
    negativePrompt: job.negative_prompts[index]!,
    steps: job.steps,
    sampler: sampler.label,
    ...(job.schedule !== 'automatic' && { scheduleType: SCHEDULE_LABELS[resolveSchedule(job.schedule)] }),
    cfgScale: job.guidance_scale,
    seed: job.seeds[index]!,
    width: job.width,
    height: job.height,
    model: job.model,
    ...startFields(job, index),
    clipSkip: job.clip_skip,
    rng: job.rng === 'cpu' ? 'CPU' : 'NV',
    loras: job.loras.map(infotextLora),
    controlNets: job.controlnets.map((unit) => ({
      module: unit.preprocessor,
      model: baseName(unit.controlnet),
      weight: unit.controlnet_conditioning_scale,
      resizeMode: RESIZE_MODES[unit.resize_mode],
      ...(unit.preprocessor === 'canny' && { thresholdA: unit.canny_low, thresholdB: unit.canny_high }),
      ...(unit.preprocessor === 'threshold' && { thresholdA: unit.threshold }),
      ...(unit.preprocessor === 'tile_resample' && { thresholdA: unit.downsampling }),
      guidanceStart: unit.control_guidance_start,
      guidanceEnd: unit.control_guidance_end,
      controlMode: 'Balanced',
    })),
    extra: {
      ...(job.eta !== (sampler.eta ?? 0) && { Eta: String(job.eta) }),
      ...guidancePairs(job),
      ...(job.guess_mode && { 'Guess mode': 'True' }),
      ...(job.controlnet_every && { 'ControlNet every': String(job.controlnet_every) }),
      ...sizePairs(job),
      ...refinerPairs(job),
      ...deepCachePairs(job),
      ...startPairs(job),
      ...loraStartPairs(job),
    },
    version: `latentmesh v${VERSION}`,
  });
}

/** Told where guidance is more than a scale: `Guidance rescale: 0.7, Guidance interval: 0.1-0.8`. */
function guidancePairs(job: DoneJob): Record<string, string> {
  const { guidance_rescale: rescale, guidance_start: start, guidance_end: end } = job;
  return {
    ...(rescale > 0 && { 'Guidance rescale': String(rescale) }),
    ...((start > 0 || end < 1) && { 'Guidance interval': `${start}-${end}` }),
  };
}

/** Told where some steps were computed in part: `DeepCache interval: 3, DeepCache branch: 0, DeepCache window: 0.2-1`. */
function deepCachePairs({ deep_cache }: DoneJob): Record<string, string> {
  if (!deep_cache) return {};
  const { cache_interval: interval, cache_branch_id: branch, cache_start: start, cache_end: end } = deep_cache;
  return {
    'DeepCache interval': String(interval),
    'DeepCache branch': String(branch),
    ...((start > 0 || end < 1) && { 'DeepCache window': `${start}-${end}` }),
  };
}

/** Told where LoRAs entered otherwise than from the start: `Lora start: max_steps 8, Lora entered at step: 3`. */
function loraStartPairs({ lora_start: start, lora_entered_step: step }: DoneJob): Record<string, string> {
  if (start === 'exact' || step === undefined) return {};
  const asked = 'at_step' in start ? `at_step ${start.at_step}` : `max_steps ${start.max_steps}`;
  return { 'Lora start': asked, 'Lora entered at step': String(step) };
}

/** The text encoders' weight comes first in A1111's tag, the UNet's only where it is another. */
function infotextLora({ lora, hash, ...unit }: DoneJob['loras'][number]): InfotextLora {
  const weight = unit.te_weight ?? unit.weight;
  const unetWeight = unit.unet_weight ?? unit.weight;
  return { name: baseName(lora), weight, ...(unetWeight !== weight && { unetWeight }), hash };
}

/** A path's last part without its ending: what people call the file. */
function baseName(nameOrPath: string): string {
  return nameOrPath.replace(/^.*[\\/]/, '').replace(/\.safetensors$/, '');
}
