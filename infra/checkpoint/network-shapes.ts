/** Names and shapes of every weight of a network, from its configuration alone: the graph builders are asked and written down. */
import { parseClipTextConfig } from '#shared/checkpoint/clip-text-config.ts';
import type { WeightIndex } from '#shared/checkpoint/component-weights.ts';
import { parseControlNetConfig, parseUnetConfig } from '#shared/checkpoint/unet-config.ts';
import { parseVaeConfig } from '#shared/checkpoint/vae-config.ts';
import { clipText } from '#shared/graph/models/clip-text.ts';
import { controlnetHint, controlnetStep } from '#shared/graph/models/controlnet.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { vaeDecode, vaeEncode } from '#shared/graph/models/vae.ts';
import type { Shape } from '#shared/tensor/tensor.ts';
import type { Weight, WeightSource } from '#shared/tensor/weight.ts';

type Config = Readonly<Record<string, unknown>>;

/** Has every weight that it is asked for, and remembers which. */
class WeightRecorder implements WeightSource {
  readonly folder = '/';
  readonly shapes = new Map<string, Shape>();

  get(name: string, shape: Shape): Weight {
    this.shapes.set(name, shape);
    return { name, shape, dtype: 'f16', location: { file: 'none', offset: 0, length: 0 } };
  }

  has(): boolean {
    return true;
  }
}

/** The shapes do not depend on it; it only has to survive three halvings. */
const LATENT = { batch: 1, height: 8, width: 8 };
const PROMPTED = { ...LATENT, tokens: 77 };

function record(build: (source: WeightSource) => void): WeightIndex {
  const recorder = new WeightRecorder();
  build(recorder);
  return recorder.shapes;
}

/** Weights of a UNet. @throws MeshError as its configuration's parser. */
export function unetShapes(config: Config): WeightIndex {
  const unet = parseUnetConfig('unet/config.json', config);
  return record((source) => {
    unetDown(unet, source, PROMPTED);
    unetUp(unet, source, PROMPTED, { hasResiduals: false });
  });
}

/** Weights of a ControlNet. @throws MeshError as its configuration's parser. */
export function controlNetShapes(config: Config): WeightIndex {
  const controlNet = parseControlNetConfig('config.json', config);
  return record((source) => {
    controlnetHint(controlNet, source, LATENT);
    controlnetStep(controlNet, source, PROMPTED);
  });
}

/** Weights of a VAE, both halves. @throws MeshError as its configuration's parser. */
export function vaeShapes(config: Config): WeightIndex {
  const vae = parseVaeConfig('vae/config.json', config);
  return record((source) => {
    vaeEncode(vae, source, LATENT);
    vaeDecode(vae, source, LATENT);
  });
}

/** Weights of a text encoder. @throws MeshError as its configuration's parser. */
export function textEncoderShapes(config: Config): WeightIndex {
  const text = parseClipTextConfig('text_encoder/config.json', config);
  return record((source) => {
    clipText(text, source, { batch: 1 }, { hasPooled: true });
  });
}
