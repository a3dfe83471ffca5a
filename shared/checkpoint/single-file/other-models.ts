/** Models that people have as single files too and that are built otherwise, by tensors that only they have. */
import type { SafetensorsFile } from '../safetensors.ts';

const MARKS: readonly (readonly [RegExp, string])[] = [
  [/^(?:model\.diffusion_model\.)?joint_blocks\./, 'Stable Diffusion 3, a transformer'],
  [/^(?:model\.diffusion_model\.)?double_blocks\./, 'Flux, a transformer'],
  [/^(?:model\.diffusion_model\.)?(?:clip_txt_pooled_mapper|clf\.1)\./, 'Stable Cascade'],
  [/^model\.diffusion_model\..*\.time_stack\./, 'Stable Video Diffusion'],
  [
    /^(?:model\.diffusion_model\.)?(?:noise_refiner|cap_embedder|transformer_blocks\.0\.img_mod)\./,
    'a diffusion transformer',
  ],
  [/^unet\.(?:down|up)_blocks\..*motion_modules/, 'AnimateDiff, a video model'],
];

/** What a file is, if it is one of them. */
export function otherModel({ tensors }: SafetensorsFile): string | undefined {
  for (const name of tensors.keys()) {
    const found = MARKS.find(([pattern]) => pattern.test(name));
    if (found) return found[1];
  }
  return undefined;
}
