"""The names of the original checkpoints and what diffusers makes of them, at the sizes of the published models.

Needs torch and diffusers 0.42.1. Run from the project's folder:
    python test/golden/make/make_ldm_names.py

data/checkpoint/ldm-names.json.gz: {model: {"config": …, "pairs": [[original, diffusers, shape], …]}}. Original names are made from diffusers' by
the inverse of its own table; the pairs are what diffusers' converter then says of them.
"""

import gzip
import json
import re

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint, convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

OUT = "test/golden/data/checkpoint/ldm-names.json.gz"
SD1 = dict(cross_attention_dim=768)
SD2 = dict(cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True)
XL = dict(
    block_out_channels=[320, 640, 1280], down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], transformer_layers_per_block=[1, 2, 10],
    attention_head_dim=[5, 10, 20], cross_attention_dim=2048, use_linear_projection=True, addition_embed_type="text_time",
    addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
)
VAE = dict(
    block_out_channels=[128, 256, 512, 512], down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, layers_per_block=2,
)
RESNET = [("norm1", "in_layers.0"), ("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1"), ("norm2", "out_layers.0"), ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection")]


def ldm_unet(name, layers, config):
    for diffusers, ldm in [
        ("time_embedding.linear_1", "time_embed.0"), ("time_embedding.linear_2", "time_embed.2"), ("add_embedding.linear_1", "label_emb.0.0"), ("add_embedding.linear_2", "label_emb.0.2"),
        ("conv_in.", "input_blocks.0.0."), ("conv_norm_out", "out.0"), ("conv_out", "out.2"),
        ("mid_block.resnets.0", "middle_block.0"), ("mid_block.attentions.0", "middle_block.1"), ("mid_block.resnets.1", "middle_block.2"),
    ]:
        if name.startswith(diffusers):
            name = name.replace(diffusers, ldm, 1)
    match = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", name)
    if match:
        way, block, kind, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * (layers + 1)}.0.{rest.replace('conv', 'op')}"
        if kind == "upsamplers":
            place = 2 if "CrossAttn" in config["up_block_types"][block] else 1
            return f"output_blocks.{block * (layers + 1) + layers}.{place}.{rest}"
        index = 1 + block * (layers + 1) + layer if way == "down" else block * (layers + 1) + layer
        name = f"{'input' if way == 'down' else 'output'}_blocks.{index}.{1 if kind == 'attentions' else 0}.{rest}"
        if kind == "attentions":
            return name
    if re.match(r"(input|output|middle)_block", name) and not name.startswith("middle_block.1."):
        for diffusers, ldm in RESNET:
            name = name.replace(f".{diffusers}.", f".{ldm}.")
    return name


def ldm_controlnet(name, layers, config):
    name = re.sub(r"^controlnet_down_blocks\.(\d+)\.", r"zero_convs.\1.0.", name)
    name = name.replace("controlnet_mid_block.", "middle_block_out.0.")
    name = name.replace("controlnet_cond_embedding.conv_in.", "input_hint_block.0.").replace("controlnet_cond_embedding.conv_out.", "input_hint_block.14.")
    name = re.sub(r"^controlnet_cond_embedding\.blocks\.(\d+)\.", lambda match: f"input_hint_block.{2 * int(match[1]) + 2}.", name)
    return ldm_unet(name, layers, config)


def ldm_vae(name):
    name = re.sub(r"^encoder\.down_blocks\.(\d+)\.resnets\.(\d+)\.", r"encoder.down.\1.block.\2.", name)
    name = re.sub(r"^encoder\.down_blocks\.(\d+)\.downsamplers\.0\.", r"encoder.down.\1.downsample.", name)
    name = re.sub(r"^decoder\.up_blocks\.(\d+)\.resnets\.(\d+)\.", lambda match: f"decoder.up.{3 - int(match[1])}.block.{match[2]}.", name)
    name = re.sub(r"^decoder\.up_blocks\.(\d+)\.upsamplers\.0\.", lambda match: f"decoder.up.{3 - int(match[1])}.upsample.", name)
    name = re.sub(r"\.mid_block\.resnets\.(\d)\.", lambda match: f".mid.block_{int(match[1]) + 1}.", name)
    for diffusers, ldm in [("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")]:
        name = name.replace(f".mid_block.attentions.0.{diffusers}.", f".mid.attn_1.{ldm}.")
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")


def record(model, network, original, convert, prefix):
    state = network.state_dict()
    config = dict(network.config)
    # Every tensor is known by its data_ptr-free identity: an object.
    named = {prefix + original(name): torch.nn.Parameter(value, requires_grad=False) for name, value in state.items()}
    identity = {id(value): name for name, value in named.items()}
    converted = convert(dict(named), config)
    pairs = []
    for name, value in converted.items():
        source = identity[id(value)]
        assert name in state, name
        pairs.append([source[len(prefix):], name, list(value.shape)])
    assert len(pairs) == len(state), (model, len(pairs), len(state))
    return {"config": {key: value for key, value in config.items() if not key.startswith("_")}, "pairs": sorted(pairs)}


with torch.device("meta"):
    unets = {
        "sd1": (UNet2DConditionModel(sample_size=64, **SD1), 2), "sd1-inpaint": (UNet2DConditionModel(sample_size=64, in_channels=9, **SD1), 2),
        "sd2": (UNet2DConditionModel(sample_size=96, **SD2), 2), "sdxl": (UNet2DConditionModel(sample_size=128, **XL), 2),
    }
    recorded = {
        name: record(name, unet, lambda key, unet=unet, layers=layers: ldm_unet(key, layers, unet.config), lambda state, config: convert_ldm_unet_checkpoint(state, config), "model.diffusion_model.")
        for name, (unet, layers) in unets.items()
    }
    vae = AutoencoderKL(**VAE)
    recorded["vae"] = record("vae", vae, ldm_vae, lambda state, config: convert_ldm_vae_checkpoint(state, config), "first_stage_model.")
    control = ControlNetModel(**SD1)
    recorded["controlnet"] = record("controlnet", control, lambda key: ldm_controlnet(key, 2, control.config), lambda state, config: convert_controlnet_checkpoint(state, config), "control_model.")

with gzip.GzipFile(OUT, "wb", mtime=0) as file:
    file.write(json.dumps({"oracle": "diffusers 0.42.1", "models": recorded}).encode())
