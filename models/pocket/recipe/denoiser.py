"""Trains the UNet to predict velocity, and the text encoder with it at a small rate."""

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from captions import caption
from latents import SHARD, SHARDS, read_shard, shard_scenes
from networks import new_text_encoder, new_unet
from optimiser import Optimiser
from state import SEED, budget, log
from text_encoder import TEXT_LENGTH, MapHead
from tokenizer import Tokenizer, open_tokenizer
from training import Training, load_average
from world import Scene

STEPS = 2500
BATCH = 48
# Without a caption, so that guidance has something to move away from.
EMPTY_SHARE = 0.1
# Pipelines pad to 77 tokens; most batches are shorter, because attention to the padding costs time.
FULL_LENGTH_SHARE = 0.12
NOISE = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, num_train_timesteps=1000)


class Pool:
    """Latents with their scenes; looks for new shards now and then."""

    def __init__(self) -> None:
        self.latents: list[Tensor] = []
        self.scenes: list[list[Scene]] = []
        self.grow()

    def grow(self) -> None:
        while len(self.latents) < SHARDS and (shard := read_shard(len(self.latents))) is not None:
            self.scenes.append(shard_scenes(len(self.latents)))
            self.latents.append(torch.from_numpy(shard))

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, list[Scene]]:
        """[count, 4, 16, 16] f32, and the scenes."""
        places = [divmod(int(index), SHARD) for index in rng.integers(len(self.latents) * SHARD, size=count)]
        latents = torch.stack([self.latents[shard][row] for shard, row in places]).float()
        return latents, [self.scenes[shard][row] for shard, row in places]


def train_denoiser() -> None:
    """Stage `denoiser`: UNet and text encoder."""
    tokenizer, unet = open_tokenizer(), new_unet()
    encoder = new_text_encoder(len(tokenizer.vocab))
    load_average("text_encoder", {"encoder": encoder, "head": MapHead()})
    # The velocity of pure noise is the mean picture: starting from zero saves the first steps.
    torch.nn.init.zeros_(unet.conv_out.weight)
    optimiser = Optimiser([(unet, 2e-3)], [(encoder, 3e-4)])
    networks = {"unet": unet, "encoder": encoder}
    training = Training("denoiser", networks, optimiser, budget("denoiser", STEPS), decay=0.998)
    pool = Pool()
    log(f"denoiser: {len(pool.latents)} shards of latents")
    training.run(lambda step: _losses(unet, encoder, tokenizer, pool, step))


def open_denoiser() -> tuple[UNet2DConditionModel, CLIPTextModel, Tokenizer]:
    """The averaged networks as they are now, ready to sample with."""
    tokenizer, unet = open_tokenizer(), new_unet().eval()
    encoder = new_text_encoder(len(tokenizer.vocab)).eval()
    load_average("denoiser", {"unet": unet, "encoder": encoder})
    return unet, encoder, tokenizer


def add_noise(latents: Tensor, generator: torch.Generator, first: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Noised latents, timesteps [b] from `first` on, velocities to predict, and each one's weight [b]."""
    scheduler = DDPMScheduler(**NOISE, prediction_type="v_prediction")
    count = len(latents)
    # One timestep from each slice of the schedule: the loss of a batch varies far less.
    places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    times = (first + places * (1000 - first)).long()
    noise = torch.randn(latents.shape, generator=generator)
    signal = scheduler.alphas_cumprod[times]
    # Little weight where almost nothing is left to do; full weight at high noise, where the layout is decided.
    weights = (6 * (1 - signal)).clamp(max=1)
    return scheduler.add_noise(latents, noise, times), times, scheduler.get_velocity(latents, noise, times), weights


def _losses(unet: UNet2DConditionModel, encoder: CLIPTextModel, tokenizer: Tokenizer, pool: Pool, step: int) -> dict[str, Tensor]:
    if step % 100 == 0:
        pool.grow()
    rng = np.random.default_rng((SEED, 6, step))
    latents, scenes = pool.draw(rng, BATCH)
    texts = ["" if rng.random() < EMPTY_SHARE else caption(scene, rng) for scene in scenes]
    tokens = tokenizer(texts, 77 if rng.random() < FULL_LENGTH_SHARE else TEXT_LENGTH)
    noised, times, velocity, weights = add_noise(latents, torch.Generator().manual_seed(SEED + step))
    noised = noised.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        made = unet(noised, times, encoder(tokens).last_hidden_state).sample
    error = (made.float() - velocity).square().mean((1, 2, 3))
    return {"loss": (error * weights).mean()}
