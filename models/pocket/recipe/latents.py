"""
The latents that the UNet learns from: scenes rendered and encoded in shards of a thousand. A shard's scenes come from
its number, so only the latents are stored; more shards may be written while the UNet trains.
"""

import numpy as np
import torch
from diffusers import AutoencoderKL

from autoencoder import to_tensor
from networks import LATENT_SCALE, new_autoencoder
from paint import render
from state import SEED, STATE, load, log, save
from training import load_average
from world import Scene, draw_scene

SHARDS = 24
SHARD = 1000
BATCH = 20
STATISTICS = 400


@torch.no_grad()
def fold_latents() -> None:
    """Stage `fold`: the latents' mean and deviation per channel move into the 1x1 convolutions around them, exactly."""
    vae = new_autoencoder()
    load_average("autoencoder", {"vae": vae})
    rng = np.random.default_rng(SEED + 5)
    batches = [to_tensor([render(draw_scene(rng)) for _ in range(BATCH)]) for _ in range(STATISTICS // BATCH)]
    latents = torch.cat([vae.encode(batch).latent_dist.mean for batch in batches])
    mean, gain = latents.mean((0, 2, 3)), 1 / (LATENT_SCALE * latents.std((0, 2, 3)))
    before = vae.decode(vae.encode(batches[0]).latent_dist.mean).sample
    scale_latents(vae, mean, gain)
    after = vae.decode(vae.encode(batches[0]).latent_dist.mean).sample
    log(f"fold: pictures differ by {(before - after).abs().max():.1e}")
    save("vae", vae.state_dict())


def scale_latents(vae: AutoencoderKL, mean: torch.Tensor, gain: torch.Tensor) -> None:
    """Latents become (latents - mean) * gain, per channel; what is decoded stays the same."""
    count = len(mean)
    into, back = vae.quant_conv, vae.post_quant_conv
    into.weight[:count] *= gain[:, None, None, None]
    into.bias[:count] = (into.bias[:count] - mean) * gain
    into.bias[count:] += 2 * gain.log()
    back.bias += (back.weight[:, :, 0, 0] @ mean)
    back.weight /= gain[None, :, None, None]


def open_autoencoder() -> AutoencoderKL:
    """The folded autoencoder, with the polished decoder if there is one."""
    vae = new_autoencoder().eval()
    vae.load_state_dict(load("vae"))
    load_average("decoder", {"vae": vae})
    return vae


@torch.no_grad()
def write_latents() -> None:
    """Stage `latents`: writes the shards that are missing."""
    vae = new_autoencoder().eval()
    vae.load_state_dict(load("vae"))
    folder = STATE / "latents"
    folder.mkdir(exist_ok=True)
    for shard in range(SHARDS):
        path = folder / f"{shard:03}.npy"
        if path.exists():
            continue
        scenes = shard_scenes(shard)
        parts = [_encode(vae, scenes[start : start + BATCH]) for start in range(0, SHARD, BATCH)]
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, np.concatenate(parts))
        partial.replace(path)
        log(f"latents: shard {shard + 1} of {SHARDS}")


def shard_scenes(shard: int) -> list[Scene]:
    """The scenes of a shard."""
    rng = np.random.default_rng((SEED, 3, shard))
    return [draw_scene(rng) for _ in range(SHARD)]


def read_shard(shard: int) -> np.ndarray | None:
    """Latents [1000, 4, 16, 16] f16 with deviation 1, or None while the shard is not written."""
    path = STATE / "latents" / f"{shard:03}.npy"
    return np.load(path) if path.exists() else None


def _encode(vae: AutoencoderKL, scenes: list[Scene]) -> np.ndarray:
    with torch.autocast("cpu", torch.bfloat16):
        latents = vae.encode(to_tensor([render(scene) for scene in scenes])).latent_dist.mean
    return (latents.float() * LATENT_SCALE).half().numpy()
