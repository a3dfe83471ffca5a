/** What a generated checkpoint is made of: configurations as they are written to its `config.json` files. */

type Config = Readonly<Record<string, unknown>>;

/** A checkpoint's configurations, as diffusers writes them. */
export interface CheckpointSize {
  readonly unet: Config;
  readonly vae: Config;
  /** Without `vocab_size`, which follows from the tokenizer where it is absent. */
  readonly textEncoder: Config;
  /** Of SDXL, whose prompts go through both. */
  readonly textEncoder2?: Config;
  /** What a ControlNet has besides the UNet's encoder. */
  readonly controlNet: Config;
  readonly scheduler: Config;
  /** `model_index.json` */
  readonly index: Config;
}

const CROSS_DOWN = 'CrossAttnDownBlock2D';
const CROSS_UP = 'CrossAttnUpBlock2D';

const UNET: Config = {
  _class_name: 'UNet2DConditionModel',
  act_fn: 'silu',
  down_block_types: [CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, 'DownBlock2D'],
  up_block_types: ['UpBlock2D', CROSS_UP, CROSS_UP, CROSS_UP],
  in_channels: 4,
  out_channels: 4,
};

const VAE: Config = {
  _class_name: 'AutoencoderKL',
  act_fn: 'silu',
  down_block_types: Array<string>(4).fill('DownEncoderBlock2D'),
  up_block_types: Array<string>(4).fill('UpDecoderBlock2D'),
  latent_channels: 4,
  scaling_factor: 0.18215,
};

const TEXT_ENCODER: Config = {
  architectures: ['CLIPTextModel'],
  model_type: 'clip_text_model',
  max_position_embeddings: 77,
  hidden_act: 'quick_gelu',
  eos_token_id: 2,
};

const SCHEDULER: Config = {
  _class_name: 'PNDMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  clip_sample: false,
};

const INDEX: Config = {
  _class_name: 'StableDiffusionPipeline',
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
  scheduler: ['diffusers', 'PNDMScheduler'],
};

/** Draws a 128×128 picture of 20 steps in about a second on two CPU cores. */
const SMALL: CheckpointSize = {
  unet: {
    ...UNET,
    block_out_channels: [48, 96, 144, 144],
    layers_per_block: 1,
    attention_head_dim: 4,
    norm_num_groups: 16,
    cross_attention_dim: 128,
    sample_size: 16,
  },
  vae: { ...VAE, block_out_channels: [16, 32, 48, 64], layers_per_block: 1, norm_num_groups: 8, sample_size: 128 },
  textEncoder: {
    ...TEXT_ENCODER,
    hidden_size: 128,
    intermediate_size: 384,
    num_attention_heads: 4,
    num_hidden_layers: 3,
  },
  controlNet: { conditioning_embedding_out_channels: [8, 16, 24, 48] },
  // Latents keep their size whatever is predicted, which they do not when an untrained network says what is noise.
  scheduler: { ...SCHEDULER, prediction_type: 'v_prediction' },
  index: INDEX,
};

/** The shapes of Stable Diffusion 1.5: the UNet has 860 million weights. */
const SD15: CheckpointSize = {
  unet: {
    ...UNET,
    block_out_channels: [320, 640, 1280, 1280],
    layers_per_block: 2,
    attention_head_dim: 8,
    norm_num_groups: 32,
    cross_attention_dim: 768,
    sample_size: 64,
  },
  vae: { ...VAE, block_out_channels: [128, 256, 512, 512], layers_per_block: 2, norm_num_groups: 32, sample_size: 512 },
  textEncoder: {
    ...TEXT_ENCODER,
    hidden_size: 768,
    intermediate_size: 3072,
    num_attention_heads: 12,
    num_hidden_layers: 12,
    vocab_size: 49_408,
  },
  controlNet: { conditioning_embedding_out_channels: [16, 32, 96, 256] },
  scheduler: SCHEDULER,
  index: INDEX,
};

const SDXL_TEXT_ENCODER_2: Config = {
  ...TEXT_ENCODER,
  architectures: ['CLIPTextModelWithProjection'],
  hidden_act: 'gelu',
  hidden_size: 1280,
  intermediate_size: 5120,
  num_attention_heads: 20,
  num_hidden_layers: 32,
  projection_dim: 1280,
  vocab_size: 49_408,
};

/** The shapes of Stable Diffusion XL: the UNet has 2.6 billion weights. */
const SDXL: CheckpointSize = {
  unet: {
    ...UNET,
    down_block_types: ['DownBlock2D', CROSS_DOWN, CROSS_DOWN],
    up_block_types: [CROSS_UP, CROSS_UP, 'UpBlock2D'],
    block_out_channels: [320, 640, 1280],
    layers_per_block: 2,
    attention_head_dim: [5, 10, 20],
    norm_num_groups: 32,
    cross_attention_dim: 2048,
    sample_size: 128,
    transformer_layers_per_block: [1, 2, 10],
    use_linear_projection: true,
    addition_embed_type: 'text_time',
    addition_time_embed_dim: 256,
    projection_class_embeddings_input_dim: 2816,
  },
  vae: { ...SD15.vae, sample_size: 1024, scaling_factor: 0.13025 },
  textEncoder: SD15.textEncoder,
  textEncoder2: SDXL_TEXT_ENCODER_2,
  controlNet: SD15.controlNet,
  scheduler: { ...SCHEDULER, _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'leading' },
  index: {
    ...INDEX,
    _class_name: 'StableDiffusionXLPipeline',
    text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
    tokenizer_2: ['transformers', 'CLIPTokenizer'],
    scheduler: ['diffusers', 'EulerDiscreteScheduler'],
    force_zeros_for_empty_prompt: true,
  },
};

/** The sizes by name. */
export const CHECKPOINT_SIZES: Readonly<Record<'small' | 'sd15' | 'sdxl', CheckpointSize>> = {
  small: SMALL,
  sd15: SD15,
  sdxl: SDXL,
};
