/** The jobs of the load: every service is needed, and each picture is fixed by its seed. */

import { controlledRequest } from '../mesh/faults/requests.ts';
import type { Kind } from './jobs.ts';

/** See the head of this file. */
export async function kinds(): Promise<Kind[]> {
  const controlled = { ...(await controlledRequest()), steps: 12 };
  const { controlnets, loras, ...plain } = controlled;
  return [
    { name: 'plain', input: { ...plain, seed: 11 } },
    { name: 'controlnet', input: { ...plain, seed: 12, controlnets: controlnets! } },
    { name: 'lora', input: { ...plain, seed: 13, sampler: 'UniPC', loras: loras! } },
    { name: 'controlnet and lora', input: { ...controlled, seed: 14, sampler: 'DPM++ 2M SDE' } },
    { name: 'spoiled lora', input: { ...plain, seed: 15, loras: [{ lora: 'spoiled', weight: 0.5 }] }, maySpoil: true },
    { name: 'another prompt', input: { ...plain, seed: 16, sampler: 'PLMS', prompt: 'a dog', guidance_scale: 3 } },
  ];
}
