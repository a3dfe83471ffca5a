/** What a denoiser works with, and what it tells while it works. */
import type { LoraWeights } from '#shared/adapters/lora-weights.ts';
import type { MeshClient } from '#shared/placement/mesh-client.ts';
import type { SchedulerConfig } from '#shared/tensor/network-config.ts';
import type { Tensor } from '#shared/tensor/tensor.ts';
import type { CheckpointStore } from './checkpoints.ts';
import type { DistantParts } from './distant-half.ts';
import type { Unet } from './unet.ts';

/** What a denoiser is made of. */
export interface DenoiserParts {
  readonly unet: Unet;
  /** Given where another UNet may finish a run. */
  readonly refiner?: Unet | undefined;
  readonly loras: LoraWeights;
  readonly mesh: MeshClient;
  readonly scheduler: SchedulerConfig;
  /** Given where the halves of guidance run apart, on another denoiser as well while one is idle. */
  readonly distant?: DistantParts;
  /** Given where jobs can be gone on with after this process. */
  readonly checkpoints?: CheckpointStore | undefined;
  /** Tells whoever listens how far a job is. */
  readonly progress: (progress: Progress) => void;
}

/** A job after one of its steps. */
export interface Progress {
  readonly job: string;
  /** 1 … steps, counted in model calls, those of the job's other runs among them. */
  readonly step: number;
  readonly steps: number;
  /** f32 [B, 4, h, w] */
  readonly latents: Float32Array;
  /** f32 [B, 4, h, w]; what the clean latents would be, where a preview was asked for at this step. */
  readonly clean?: Tensor<'f32'>;
}
