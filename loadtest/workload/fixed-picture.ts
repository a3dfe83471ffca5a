/** Pictures of one kind, `3C2L`: three ControlNets and two LoRAs. */
import type { Picture } from './published-traffic.ts';

/** How many adapters a picture has. */
export interface PictureKind {
  readonly controlnets: number;
  readonly loras: number;
}

/** The columns that Katz published. */
export const PUBLISHED_KINDS = ['0C0L', '1C0L', '0C1L', '1C1L', '3C0L', '2C2L', '3C2L'] as const;

/** `3C2L` → three ControlNets, two LoRAs. Throws for any other form. */
export function parseKind(text: string): PictureKind {
  const [, controlnets, loras] = /^(\d)C(\d)L$/.exec(text) ?? [];
  if (controlnets === undefined) throw new Error(`"${text}" is no kind of picture: write it like 3C2L.`);
  return { controlnets: Number(controlnets), loras: Number(loras) };
}

/** The `nth` picture of a kind: the same ControlNets each time, and LoRAs that no other one has. */
export function fixedPicture({ controlnets, loras }: PictureKind, nth: number): Picture {
  return {
    controlnets: Array.from({ length: controlnets }, (_, i) => `control-${i}`),
    loras: Array.from({ length: loras }, (_, i) => `style-${nth * loras + i}`),
  };
}
