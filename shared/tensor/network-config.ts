/**
 * The numbers that decide how a network of Stable Diffusion is built, as plain types: the checkpoint area reads them from
 * `config.json`, the graph area builds from them, and neither knows the other. A value that is the same in every supported
 * checkpoint (activation SiLU, transformer and VAE norm epsilon 1e-6, one attention head in the VAE) is not repeated here.
 */

/** A CLIP text model: `text_encoder/`. */
export interface ClipTextConfig {
  /** `D`, width of the embeddings. */
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly vocabSize: number;
  /** `T`, tokens of a prompt. */
  readonly maxPositions: number;
  readonly activation: 'quick_gelu' | 'gelu';
  readonly layerNormEps: number;
  /** 2 in old configs, which does not name the token: pooling is then at the largest id. */
  readonly eosTokenId: number;
  /** `P`, width of the pooled embedding where it is projected (`CLIPTextModelWithProjection`). */
  readonly projectionDim?: number;
}

/**
 * A block of the UNet as its layers: for each resnet the transformer blocks behind it, 0 where there is no transformer
 * (`DownBlock2D`, `UpBlock2D`).
 */
export type BlockLayers = readonly number[];

/**
 * What stands between the ways: a resnet, a transformer of so many blocks and a resnet (`UNetMidBlock2DCrossAttn`); one resnet
 * alone (`UNetMidBlock2D`); or nothing.
 */
export type Middle = { readonly kind: 'cross'; readonly depth: number } | { readonly kind: 'resnet' | 'none' };

/** What SDXL adds to the timestep: pooled text and the sizes of the picture (`addition_embed_type: text_time`). */
export interface AddedEmbedding {
  /** Numbers of the whole: pooled text, then the sinusoids of each size. */
  readonly width: number;
  /** Sinusoids of one size. */
  readonly sizeWidth: number;
}

/** What UNet and ControlNet have in common: the way down and the middle. */
export interface EncoderConfig {
  readonly inChannels: number;
  /** Channels of each down block, outermost first. */
  readonly blockOutChannels: readonly number[];
  /** Each down block, outermost first. */
  readonly downBlocks: readonly BlockLayers[];
  readonly middle: Middle;
  /** Attention heads of each down block, outermost first; the middle has those of the last one. */
  readonly heads: readonly number[];
  readonly crossAttentionDim: number;
  readonly normGroups: number;
  /** Epsilon of the group norms in resnets and before the last convolution. */
  readonly normEps: number;
  /** Transformers enter and leave by a linear layer (2.x) instead of a 1×1 convolution (1.x). */
  readonly useLinearProjection: boolean;
  /** The timestep's sinusoids come cosine first. */
  readonly flipSinToCos: boolean;
  readonly freqShift: number;
  readonly added?: AddedEmbedding;
  /** Padding of the strided convolutions between down blocks. */
  readonly downsamplePadding: number;
}

/** The network that predicts noise: `unet/`. */
export interface UnetConfig extends EncoderConfig {
  readonly outChannels: number;
  /** Each up block, innermost first, as it runs; one layer more than the down block it answers. */
  readonly upBlocks: readonly BlockLayers[];
  /** Numbers of the guidance scale's embedding, in UNets distilled to read it (LCM): they need no unconditional half. */
  readonly guidanceWidth?: number;
  /** Latent pixels along an edge that the model was trained at: its default picture is 8 times that. */
  readonly sampleSize: number;
}

/** A ControlNet folder. */
export interface ControlNetConfig extends EncoderConfig {
  /** Channels of the hint encoder, from full resolution down; three stride-2 steps lie between four numbers. */
  readonly conditioningEmbeddingOutChannels: readonly number[];
  /** Channels of the hint picture. */
  readonly conditioningChannels: number;
  readonly conditioningChannelOrder: 'rgb' | 'bgr';
}

/** How a tiny autoencoder is built, from its input on; `blocks` counts the residual blocks between two changes of size. */
export interface TinyVae {
  readonly encoder: { readonly channels: readonly number[]; readonly blocks: readonly number[] };
  readonly decoder: { readonly channels: readonly number[]; readonly blocks: readonly number[] };
}

/** The autoencoder between pictures and latents: `vae/`. */
export interface VaeConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly latentChannels: number;
  /** Channels of each encoder block, full resolution first; the decoder runs them backwards. */
  readonly blockOutChannels: readonly number[];
  /** Resnets of an encoder block; a decoder block has one more. */
  readonly layersPerBlock: number;
  readonly normGroups: number;
  /** Latents are the encoder's mean times this. */
  readonly scalingFactor: number;
  /** Set where this is the tiny autoencoder (TAESD): nothing but this, the channels and the factor then counts. */
  readonly tiny?: TinyVae;
  /** The 1×1 convolutions `quant_conv` and `post_quant_conv` are there. */
  readonly hasQuantConv: boolean;
}

/** A scheduler's configuration as it stands in `scheduler_config.json`; the diffusion area reads it. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

/** Whether a UNet also takes a mask, and what the mask leaves of the picture. */
export function isInpainting({ inChannels, outChannels }: Pick<UnetConfig, 'inChannels' | 'outChannels'>): boolean {
  return inChannels === 2 * outChannels + 1;
}
