/** When LoRAs enter the denoising, at the door: what cannot be, and what does nothing. */
import type { GenerateRequest, Warning } from '#shared/contracts/generate.ts';
import { lorasFor } from '#shared/contracts/lora.ts';
import { invalidRequest } from './validation.ts';

type Asked = Pick<GenerateRequest, 'lora_start' | 'loras' | 'steps'>;

/** @throws MeshError INVALID_REQUEST when the LoRAs would never enter */
export function checkLoraStart({ lora_start, steps }: Asked): void {
  if (lora_start === 'exact') return;
  for (const [mode, step] of Object.entries(lora_start)) {
    if (step < steps) continue;
    const message = `must be below steps, which is ${steps}: take ${steps - 1} at most, or the LoRAs would never enter`;
    throw invalidRequest([{ path: `lora_start.${mode}`, message }]);
  }
}

/** Told rather than refused: the picture is the one that was asked for. */
export function warnOfLoraStart({ lora_start, loras }: Asked): Warning[] {
  if (lora_start === 'exact' || lorasFor('unet', loras).length > 0) return [];
  return [{ field: 'lora_start', message: 'lora_start has no effect: the job has no LoRA that changes the UNet.' }];
}
