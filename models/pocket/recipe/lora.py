"""Trains the LoRAs: each a style, taught from the same scenes with their renders restyled; written in kohya's format."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextModel

from autoencoder import to_tensor
from captions import caption
from denoiser import add_noise, open_denoiser
from export import FOLDER
from latents import open_autoencoder, shard_scenes
from networks import LATENT_SCALE
from optimiser import Optimiser
from paint import render
from state import SEED, STATE, budget, log
from styles import STYLES
from text_encoder import TEXT_LENGTH
from tokenizer import Tokenizer
from training import Training, load_average
from world import Scene

STEPS = 650
BATCH = 24
RANK = 4
RATE = 3e-3
# After all latents' shards, so that no style sees scenes of the base training.
FIRST_SHARD = 900
SCENES = 1000
# A style is in the picture, not in the words; one LoRA changes the text encoder too, as many published ones do.
WITH_TEXT_ENCODER = ("neon",)
# Convolutions at the full size of the latents draw the edges: without them a LoRA can recolour, not redraw.
TARGETS = (".attn1.", ".attn2.", ".ff.", ".resnets.", ".downsamplers.", ".upsamplers.", "self_attn.", ".mlp.")


class LowRank(nn.Module):
    """A linear layer or a convolution with up @ down beside it; it starts as the layer alone."""

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer
        outputs, *inputs = layer.weight.shape
        ones = [1] * (len(inputs) - 1)
        self.down = nn.Parameter(torch.randn(RANK, *inputs) / math.sqrt(math.prod(inputs)))
        self.up = nn.Parameter(torch.zeros(outputs, RANK, *ones))

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.layer, nn.Linear):
            return self.layer(x) + F.linear(F.linear(x, self.down), self.up)
        inner = F.conv2d(x, self.down, stride=self.layer.stride, padding=self.layer.padding)
        return self.layer(x) + F.conv2d(inner, self.up)


Adapters = dict[str, LowRank]
Networks = tuple[UNet2DConditionModel, CLIPTextModel, Tokenizer]


def train_loras() -> None:
    """Stage `loras`: one after the other."""
    for name in STYLES:
        networks, adapters, factors = _adapted(name)
        training = Training(f"lora-{name}", {"lora": factors}, Optimiser([], [(factors, RATE)]), budget("lora", STEPS), decay=0.98)
        latents, scenes = _styled_latents(name), _scenes()
        training.run(lambda step: _losses(networks, latents, scenes, step))
        training.use_average()
        _write(name, adapters)


def open_lora(name: str) -> Networks:
    """The networks with a trained LoRA in them."""
    networks, _, factors = _adapted(name)
    load_average(f"lora-{name}", {"lora": factors})
    return networks


def _adapted(name: str) -> tuple[Networks, Adapters, nn.ModuleDict]:
    networks = open_denoiser()
    unet, encoder, _ = networks
    for network in (unet, encoder):
        network.requires_grad_(False)
    adapters = _adapt(unet, "lora_unet_")
    if name in WITH_TEXT_ENCODER:
        adapters |= _adapt(encoder, "lora_te_")
    factors = nn.ModuleDict({key: nn.ParameterDict({"up": value.up, "down": value.down}) for key, value in adapters.items()})
    return networks, adapters, factors


def _adapt(network: nn.Module, prefix: str) -> Adapters:
    """Puts a LowRank in place of every target; by kohya's names."""
    found = {name: layer for name, layer in network.named_modules() if isinstance(layer, (nn.Linear, nn.Conv2d)) and _is_target(name)}
    adapters = {}
    for name, layer in found.items():
        parent, _, child = name.rpartition(".")
        adapter = LowRank(layer)
        setattr(network.get_submodule(parent), child, adapter)
        adapters[prefix + _checkpoint_name(name).replace(".", "_")] = adapter
    return adapters


def _is_target(name: str) -> bool:
    return any(part in name for part in TARGETS)


def _checkpoint_name(name: str) -> str:
    """The name in the weight file: transformers 5 has no `text_model` in its modules, checkpoints do."""
    return f"text_model.{name}" if name.startswith("encoder.layers.") else name


def _losses(networks: Networks, latents: Tensor, scenes: list[Scene], step: int) -> dict[str, Tensor]:
    unet, encoder, tokenizer = networks
    rng = np.random.default_rng((SEED, 12, step))
    rows = rng.integers(len(latents), size=BATCH)
    texts = [caption(scenes[row], rng) if rng.random() > 0.1 else "" for row in rows]
    noised, times, velocity, weights = add_noise(latents[rows], torch.Generator().manual_seed(SEED + step))
    with torch.autocast("cpu", torch.bfloat16):
        made = unet(noised, times, encoder(tokenizer(texts, TEXT_LENGTH)).last_hidden_state).sample
    return {"loss": ((made.float() - velocity).square().mean((1, 2, 3)) * weights).mean()}


def _scenes() -> list[Scene]:
    return shard_scenes(FIRST_SHARD)[:SCENES]


@torch.no_grad()
def _styled_latents(name: str) -> Tensor:
    """[SCENES, 4, 16, 16] f32, kept for a resumed run."""
    path = STATE / "latents" / f"style-{name}.pt"
    if path.exists():
        return torch.load(path)
    vae, scenes, parts = open_autoencoder(), _scenes(), []
    for start in range(0, SCENES, 20):
        pictures = to_tensor([STYLES[name](render(scene)) for scene in scenes[start : start + 20]])
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(vae.encode(pictures).latent_dist.mean.float() * LATENT_SCALE)
    torch.save(torch.cat(parts), path)
    return torch.cat(parts)


def _write(name: str, adapters: Adapters) -> None:
    """kohya's keys; alpha equals the rank, so that the scale is 1."""
    tensors = {}
    for key, adapter in adapters.items():
        tensors[f"{key}.lora_down.weight"] = adapter.down.detach().half().contiguous()
        tensors[f"{key}.lora_up.weight"] = adapter.up.detach().half().contiguous()
        tensors[f"{key}.alpha"] = torch.tensor(float(RANK))
    folder = FOLDER / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file(tensors, path)
    path.chmod(0o644)
    log(f"lora {name}: {sum(t.numel() for t in tensors.values()) * 2 / 1e6:.2f} MB")
