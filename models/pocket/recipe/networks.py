"""The networks, with the classes of Stable Diffusion 1.x at a hundredth of the size."""

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextConfig, CLIPTextModel

WIDTH = 128
LATENT_SCALE = 0.18215
DOWN = ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D")
UP = ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")


def new_autoencoder() -> AutoencoderKL:
    """[b, 3, 8h, 8w] <-> [b, 4, h, w]; 1.7 M parameters."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 64, 96),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=128,
        scaling_factor=LATENT_SCALE,
    ).to(memory_format=torch.channels_last)


def new_text_encoder(vocab_size: int) -> CLIPTextModel:
    """[b, n] tokens -> [b, n, 128]; 0.6 M parameters. The last two tokens are start and end, as in CLIP."""
    config = CLIPTextConfig(
        vocab_size=vocab_size,
        hidden_size=WIDTH,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=WIDTH,
        bos_token_id=vocab_size - 2,
        eos_token_id=vocab_size - 1,
        pad_token_id=vocab_size - 1,
    )
    return CLIPTextModel(config)


def new_unet() -> UNet2DConditionModel:
    """Velocity of latents [b, 4, 16, 16]; 8.6 M parameters. No attention at 16x16, where it would halve the speed."""
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 128, 160),
        layers_per_block=1,
        down_block_types=DOWN,
        up_block_types=UP,
        attention_head_dim=4,
        norm_num_groups=16,
        cross_attention_dim=WIDTH,
    )
    # torch's fused attention is slow in bfloat16 on a CPU: plain products make a step a quarter shorter.
    unet.set_attn_processor(AttnProcessor())
    return unet.to(memory_format=torch.channels_last)


def new_controlnet(unet: UNet2DConditionModel) -> ControlNetModel:
    """A ControlNet that starts as the UNet's encoder; hints are [b, 3, 128, 128] in 0..1."""
    return ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(16, 32, 48, 64))


def new_plain_controlnet(unet: UNet2DConditionModel) -> ControlNetModel:
    """The same without attention, at half the size, for hints that say all there is to say; the words go to the UNet alone."""
    full = new_controlnet(unet)
    plain = {"down_block_types": ("DownBlock2D",) * len(DOWN), "mid_block_type": "UNetMidBlock2D"}
    controlnet = ControlNetModel.from_config({**full.config, **plain})
    controlnet.load_state_dict(full.state_dict(), strict=False)
    return controlnet
