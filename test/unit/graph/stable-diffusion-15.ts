/** The configurations of Stable Diffusion 1.5 and its ControlNets, for tests at the real size. */
import type { ClipTextConfig, ControlNetConfig, UnetConfig, VaeConfig } from '#shared/tensor/network-config.ts';

export const UNET: UnetConfig = {
  inChannels: 4,
  outChannels: 4,
  blockOutChannels: [320, 640, 1280, 1280],
  downBlocks: [
    [1, 1],
    [1, 1],
    [1, 1],
    [0, 0],
  ],
  middle: { kind: 'cross', depth: 1 },
  upBlocks: [
    [0, 0, 0],
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 1],
  ],
  heads: [8, 8, 8, 8],
  crossAttentionDim: 768,
  normGroups: 32,
  normEps: 1e-5,
  useLinearProjection: false,
  flipSinToCos: true,
  freqShift: 0,
  downsamplePadding: 1,
  sampleSize: 64,
};

export const CONTROLNET: ControlNetConfig = {
  ...UNET,
  conditioningEmbeddingOutChannels: [16, 32, 96, 256],
  conditioningChannels: 3,
  conditioningChannelOrder: 'rgb',
};

export const VAE: VaeConfig = {
  inChannels: 3,
  outChannels: 3,
  latentChannels: 4,
  blockOutChannels: [128, 256, 512, 512],
  layersPerBlock: 2,
  normGroups: 32,
  scalingFactor: 0.18215,
  hasQuantConv: true,
};

export const CLIP_TEXT: ClipTextConfig = {
  hiddenSize: 768,
  intermediateSize: 3072,
  layers: 12,
  heads: 12,
  vocabSize: 49_408,
  maxPositions: 77,
  activation: 'quick_gelu',
  layerNormEps: 1e-5,
  eosTokenId: 2,
};

/** A picture of 512 × 512 with guidance. */
export const SIZE = { batch: 2, height: 64, width: 64, tokens: 77 } as const;
