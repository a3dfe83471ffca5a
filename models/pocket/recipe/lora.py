"""Trains the LoRAs: each a style, taught from the same scenes with their renders restyled; written in kohya's format."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
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
from text_encoder import TEXT_LENGTH
from tokenizer import Tokenizer
from training import Training
from world import Scene

STEPS = 500
BATCH = 24
RANK = 8
# After all latents' shards, so that no style sees scenes of the base training.
FIRST_SHARD = 900
SCENES = 1500


def sepia(picture: np.ndarray) -> np.ndarray:
    """An old photograph: brown tones."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None] / 255
    dark, light = np.array((52, 30, 18), np.float32), np.array((250, 228, 186), np.float32)
    return (dark + (light - dark) * grey).astype(np.uint8)


def neon(picture: np.ndarray) -> np.ndarray:
    """Dark, with edges that glow in the colour of what they bound."""
    pale = picture.astype(np.float32)
    lines = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)
    saturated = (pale - pale.mean(2, keepdims=True)) * 1.6 + pale.mean(2, keepdims=True)
    glow = cv2.GaussianBlur(lines * saturated.clip(40, 255) / 255, (0, 0), 1.6) * 2.2
    return (saturated.clip(0, 255) * 0.28 + glow).clip(0, 255).astype(np.uint8)


def pastel(picture: np.ndarray) -> np.ndarray:
    """Pale colours on warm paper."""
    paper = np.array((255, 244, 232), np.float32)
    return (picture.astype(np.float32) * 0.42 + paper * 0.58).astype(np.uint8)


STYLES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"neon": neon, "sepia": sepia, "pastel": pastel}


class LowRank(nn.Module):
    """A linear layer with up @ down beside it; it starts as the layer alone."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.down = nn.Parameter(torch.randn(RANK, layer.in_features) / math.sqrt(layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, RANK))

    def forward(self, x: Tensor, *_: object) -> Tensor:
        return self.layer(x) + x @ self.down.T @ self.up.T


def train_loras() -> None:
    """Stage `loras`: one after the other."""
    for name, style in STYLES.items():
        _train_lora(name, style)


def adapt(network: nn.Module, prefix: str) -> dict[str, LowRank]:
    """Puts a LowRank in place of every linear layer in attention, and of those that take the time; by kohya's names."""
    found = {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Linear) and _is_target(name)}
    adapters = {}
    for name, layer in found.items():
        parent, _, child = name.rpartition(".")
        adapter = LowRank(layer)
        setattr(network.get_submodule(parent), child, adapter)
        adapters[prefix + name.replace(".", "_")] = adapter
    return adapters


def _is_target(name: str) -> bool:
    return any(part in name for part in (".attn1.", ".attn2.", ".ff.", "self_attn.", ".mlp.", "time_emb_proj"))


def _train_lora(name: str, style: Callable[[np.ndarray], np.ndarray]) -> None:
    unet, encoder, tokenizer = open_denoiser()
    for network in (unet, encoder):
        network.requires_grad_(False)
    adapters = adapt(unet, "lora_unet_") | adapt(encoder, "lora_te_text_model_")
    factors = nn.ModuleDict({key: nn.ParameterDict({"up": value.up, "down": value.down}) for key, value in adapters.items()})
    optimiser = Optimiser([], [(factors, 2e-3)])
    training = Training(f"lora-{name}", {"lora": factors}, optimiser, budget("lora", STEPS), decay=0.98)
    latents, scenes = _styled_latents(name, style), shard_scenes(FIRST_SHARD) + shard_scenes(FIRST_SHARD + 1)
    training.run(lambda step: _losses((unet, encoder, tokenizer), latents, scenes, step))
    training.use_average()
    _write(name, adapters)


def _losses(networks: tuple[UNet2DConditionModel, CLIPTextModel, Tokenizer], latents: Tensor, scenes: list[Scene], step: int) -> dict[str, Tensor]:
    unet, encoder, tokenizer = networks
    rng = np.random.default_rng((SEED, 12, step))
    rows = rng.integers(len(latents), size=BATCH)
    texts = [caption(scenes[row], rng) if rng.random() > 0.1 else "" for row in rows]
    noised, times, velocity, weights = add_noise(latents[rows], torch.Generator().manual_seed(SEED + step))
    with torch.autocast("cpu", torch.bfloat16):
        made = unet(noised, times, encoder(tokenizer(texts, TEXT_LENGTH)).last_hidden_state).sample
    return {"loss": ((made.float() - velocity).square().mean((1, 2, 3)) * weights).mean()}


@torch.no_grad()
def _styled_latents(name: str, style: Callable[[np.ndarray], np.ndarray]) -> Tensor:
    """[SCENES, 4, 16, 16] f32, kept for a resumed run."""
    path = STATE / "latents" / f"style-{name}.pt"
    if path.exists():
        return torch.load(path)
    vae = open_autoencoder()
    scenes = (shard_scenes(FIRST_SHARD) + shard_scenes(FIRST_SHARD + 1))[:SCENES]
    parts = []
    for start in range(0, SCENES, 20):
        pictures = to_tensor([style(render(scene)) for scene in scenes[start : start + 20]])
        parts.append(vae.encode(pictures).latent_dist.mean * LATENT_SCALE)
    torch.save(torch.cat(parts), path)
    return torch.cat(parts)


def _write(name: str, adapters: dict[str, LowRank]) -> None:
    """kohya's keys; alpha equals the rank, so that the scale is 1."""
    tensors = {}
    for key, adapter in adapters.items():
        tensors[f"{key}.lora_down.weight"] = adapter.down.detach().half().contiguous()
        tensors[f"{key}.lora_up.weight"] = adapter.up.detach().half().contiguous()
        tensors[f"{key}.alpha"] = torch.tensor(float(RANK))
    folder = FOLDER / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / f"{name}.safetensors")
    log(f"lora {name}: {sum(t.numel() for t in tensors.values()) * 2 / 1e6:.2f} MB")
