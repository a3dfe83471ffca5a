/** How long a LoRA's file takes to be read, by its name: the same file takes the same time in every run. */
import { createHash } from 'node:crypto';
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import { firstReadMs } from './service-time.ts';

/** @param isFirst whether this host reads it for the first time */
export function readMs(lora: DeviceProfile['lora'], name: string, isFirst: boolean): number {
  if (!isFirst) return lora.read_ms;
  const share = createHash('sha256').update(name).digest().readUInt32BE(0) / 2 ** 32;
  return firstReadMs(lora, share);
}
