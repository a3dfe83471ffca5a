/** The flags that name a ControlNet or a LoRA, from text to what a request holds. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';

/** A `--control`, taken apart. */
export interface ControlNetFlag {
  readonly controlnet: string;
  readonly imageFile: string;
  readonly scale: number;
  /** Part of the steps in which it acts, as fractions. */
  readonly start: number;
  readonly end: number;
}

/** A `--lora`, taken apart. */
export interface LoraFlag {
  readonly lora: string;
  readonly weight: number;
  /** Of its part for the UNet, where that has its own. */
  readonly unet_weight?: number;
}

/** A `--lora-start`, as the mesh takes it. */
export type LoraStartFlag = 'exact' | { readonly at_step: number } | { readonly max_steps: number };

const NUMBER = String.raw`\d*\.?\d+`;
const SCALE_AND_PART = new RegExp(`@(${NUMBER})(?::(${NUMBER})-(${NUMBER}))?$`);
const LORA_START = /^(at|max):(\d{1,4})$/;
const WEIGHT = new RegExp(`@(-?${NUMBER})(?::(-?${NUMBER}))?$`);

/**
 * `NAME_OR_DIR:IMAGE[@SCALE[:START-END]]`. The end is read first: only a number after the last `@` is a scale. The name ends
 * at the first `:`, so a path of an image may hold further ones.
 */
export function parseControlNet(text: string): ControlNetFlag {
  const [suffix = '', scale = '1', start = '0', end = '1'] = SCALE_AND_PART.exec(text) ?? [];
  const [name = '', ...image] = text.slice(0, text.length - suffix.length).split(':');
  if (!name || !image.join('')) {
    throw new InvalidArgumentError('Write NAME:IMAGE[@SCALE[:START-END]], for example canny:sketch.png@0.8:0-0.6.');
  }
  return {
    controlnet: absoluteIfFile(name),
    imageFile: image.join(':'),
    scale: Number(scale),
    start: Number(start),
    end: Number(end),
  };
}

/** `NAME_OR_FILE[@WEIGHT]` or `…@TE:UNET`, as A1111 has them; weights may be negative. */
export function parseLora(text: string): LoraFlag {
  const [suffix = '', weight = '1', unet] = WEIGHT.exec(text) ?? [];
  const name = text.slice(0, text.length - suffix.length);
  if (!name) throw new InvalidArgumentError('Write NAME[@WEIGHT] or NAME@TE:UNET, for example watercolor@0.7.');
  return {
    lora: absoluteIfFile(name),
    weight: Number(weight),
    ...(unet !== undefined && { unet_weight: Number(unet) }),
  };
}

/** `exact`, `at:K` or `max:K`. */
export function parseLoraStart(text: string): LoraStartFlag {
  const [, mode, step] = LORA_START.exec(text) ?? [];
  if (text === 'exact') return text;
  if (mode === undefined) throw new InvalidArgumentError('Write exact, at:STEP or max:STEPS, for example at:5.');
  return mode === 'at' ? { at_step: Number(step) } : { max_steps: Number(step) };
}

/** What looks like a path and is one is told to the mesh as an absolute path: its processes run in another folder. */
function absoluteIfFile(name: string): string {
  const looksLikePath = name.includes('/') || name.endsWith('.safetensors');
  return looksLikePath && existsSync(name) ? resolve(name) : name;
}
