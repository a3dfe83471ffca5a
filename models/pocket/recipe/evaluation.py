"""How good it is so far, by the checker: pictures through the autoencoder, and pictures from held-out prompts."""

import time

import numpy as np
import torch

from autoencoder import peak_signal_to_noise, to_pictures, to_tensor
from captions import plain_caption
from checker import open_checker, score
from denoiser import open_denoiser
from latents import open_autoencoder
from paint import render
from sampling import sample
from sheet import write_sheet
from state import SEED, STATE, budget, log
from world import Scene, draw_scene


def held_out_scenes(pair_share: float, count: int) -> list[Scene]:
    """Scenes whose combination of things and ground was never trained on."""
    rng = np.random.default_rng(SEED + 10)
    return [draw_scene(rng, held_out=True, pair_share=pair_share) for _ in range(count)]


@torch.no_grad()
def check_autoencoder() -> None:
    """Stage `check_autoencoder`: the ceiling that the autoencoder sets."""
    vae, checker = open_autoencoder(), open_checker()
    log(f"autoencoder: {peak_signal_to_noise(vae):.2f} dB")
    for kind, pair_share in (("single", 0.0), ("pair", 1.0)):
        scenes = held_out_scenes(pair_share, 100)
        pictures = [render(scene) for scene in scenes]
        batches = [to_tensor(pictures[start : start + 20]) for start in range(0, len(pictures), 20)]
        made = [picture for batch in batches for picture in to_pictures(vae.decode(vae.encode(batch).latent_dist.mean).sample)]
        log(f"  {kind}: renders {score(checker, scenes, pictures)}")
        log(f"  {kind}: reconstructions {score(checker, scenes, made)}")
        write_sheet(STATE / "sheets" / f"autoencoder-{kind}.png", [p for both in zip(pictures[:32], made[:32]) for p in both])


def check_denoiser() -> None:
    """Stage `check_denoiser`: POCKET_CHECK_STEPS prompts of each kind, with a sheet of what came out."""
    vae, checker, networks = open_autoencoder(), open_checker(), open_denoiser()
    count = budget("check", 32)
    for kind, pair_share in (("single", 0.0), ("pair", 1.0)):
        scenes = held_out_scenes(pair_share, count)
        pictures = sample(networks, vae, [plain_caption(scene) for scene in scenes])
        log(f"  {kind}: {score(checker, scenes, pictures)} of {count}")
        write_sheet(STATE / "sheets" / f"{time.strftime('%H%M')}-{kind}.png", pictures)
