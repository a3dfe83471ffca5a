/**
 * The tiny autoencoder (TAESD): some hundredths of the work of the whole one, for a picture that is a little softer.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/models/autoencoders/vae.py (EncoderTiny, DecoderTiny)
 */
import type { TinyVae } from '#shared/tensor/network-config.ts';
import type { GraphBuilder } from '../builder.ts';
import { conv2d } from '../nn/conv.ts';
import { add, relu, scale, shift, tanh } from '../ops/elementwise.ts';
import { resizeNearest } from '../ops/layout.ts';
import type { Value } from '../value.ts';

/** Latents beyond are bent back to it. */
const LATENT_LIMIT = 3;

/** f32 [B, 4, h, w] → f32 [B, 3, H, W], about −1…1; by the weights `decoder.layers.<i>` */
export function tinyDecode(g: GraphBuilder, latents: Value, { decoder }: TinyVae, outChannels: number): Value {
  const layers = new Layers(g, 'decoder.layers');
  let hidden = scale(g, tanh(g, scale(g, latents, 1 / LATENT_LIMIT)), LATENT_LIMIT);
  hidden = relu(g, layers.conv(hidden, { channels: decoder.channels[0]! }));
  layers.skip(); // the activation
  for (const [block, channels] of decoder.channels.entries()) {
    hidden = layers.blocks(hidden, decoder.blocks[block]!);
    const isLast = block === decoder.channels.length - 1;
    if (isLast) return shift(g, scale(g, layers.conv(hidden, { channels: outChannels }), 2), -1);
    layers.skip(); // the enlargement
    const doubled = [2 * hidden.shape[2]!, 2 * hidden.shape[3]!] as const;
    hidden = layers.conv(resizeNearest(g, hidden, doubled), { channels, hasBias: false });
  }
  return hidden;
}

/** f32 [B, 3, H, W] in −1…1 → f32 [B, 4, h, w]; by the weights `encoder.layers.<i>` */
export function tinyEncode(g: GraphBuilder, pixels: Value, { encoder }: TinyVae, latentChannels: number): Value {
  const layers = new Layers(g, 'encoder.layers');
  let hidden = scale(g, shift(g, pixels, 1), 1 / 2);
  for (const [block, channels] of encoder.channels.entries()) {
    const isFirst = block === 0;
    hidden = layers.conv(hidden, isFirst ? { channels } : { channels, stride: 2, hasBias: false });
    hidden = layers.blocks(hidden, encoder.blocks[block]!);
  }
  return layers.conv(hidden, { channels: latentChannels });
}

/** The checkpoint numbers the layers in their order, those without weights included. */
class Layers {
  readonly #g: GraphBuilder;
  readonly #prefix: string;
  #next = 0;

  constructor(g: GraphBuilder, prefix: string) {
    this.#g = g;
    this.#prefix = prefix;
  }

  skip(): void {
    this.#next++;
  }

  conv(x: Value, options: Parameters<typeof conv2d>[3]): Value {
    return conv2d(this.#g, x, `${this.#prefix}.${this.#next++}`, options);
  }

  blocks(x: Value, count: number): Value {
    let hidden = x;
    for (let i = 0; i < count; i++) hidden = this.#block(hidden);
    return hidden;
  }

  #block(x: Value): Value {
    const g = this.#g;
    const channels = x.shape[1]!;
    return g.scope(`${this.#prefix}.${this.#next++}`, () => {
      const first = relu(g, conv2d(g, x, 'conv.0', { channels }));
      const second = relu(g, conv2d(g, first, 'conv.2', { channels }));
      return relu(g, add(g, conv2d(g, second, 'conv.4', { channels }), x));
    });
  }
}
