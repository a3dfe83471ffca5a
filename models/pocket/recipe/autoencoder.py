"""Trains the autoencoder on crops. It bounds everything after it: what it cannot draw, no UNet can ask for."""

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from networks import new_autoencoder
from optimiser import Optimiser
from paint import render
from state import SEED, budget, log
from styles import STYLES
from training import Training
from world import Scene, draw_scene

STEPS = 2000
CROP = 64
PICTURES = 8
CROPS_PER_PICTURE = 2
# What the LoRAs draw has to come through, too: an autoencoder that never saw lines on blue paper smears them.
STYLED_SHARE = 0.15
# The last part sees whole pictures, as the UNet will make them.
WHOLE_SHARE = 0.15
WHOLE_BATCH = 5


def train_autoencoder() -> None:
    """Stage `autoencoder`: encoder and decoder together."""
    vae = new_autoencoder()
    steps = budget("autoencoder", STEPS)
    training = Training("autoencoder", {"vae": vae}, Optimiser([(vae, 4e-3)], []), steps, decay=0.995)
    training.run(lambda step: autoencoder_losses(vae, step, steps))
    training.use_average()
    log(f"autoencoder: {peak_signal_to_noise(vae):.2f} dB on held-out renders")


def to_tensor(pictures: list[np.ndarray]) -> Tensor:
    """Pictures [h, w, 3] u8 -> [b, 3, h, w] in -1..1."""
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return (batch.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_pictures(batch: Tensor) -> list[np.ndarray]:
    """[b, 3, h, w] in -1..1 -> pictures [h, w, 3] u8."""
    levels = ((batch.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return list(levels.permute(0, 2, 3, 1).numpy())


@torch.no_grad()
def peak_signal_to_noise(vae: AutoencoderKL, count: int = 64) -> float:
    """Mean PSNR in dB over held-out renders, through the mean of the latents."""
    rng = np.random.default_rng(SEED + 7)
    errors = []
    for _ in range(count // 8):
        pictures = to_tensor([render(draw_scene(rng, held_out=True)) for _ in range(8)])
        made = vae.decode(vae.encode(pictures).latent_dist.mean).sample
        errors.append(((made.clamp(-1, 1) - pictures) / 2).square().mean((1, 2, 3)))
    return float((-10 * torch.cat(errors).log10()).mean())


def autoencoder_losses(vae: AutoencoderKL, step: int, steps: int, seed: int = 0) -> dict[str, Tensor]:
    """Losses of one batch; a frozen encoder has no divergence to lower."""
    rng = np.random.default_rng((SEED, seed, step))
    pictures = _batch(rng, whole=step >= steps * (1 - WHOLE_SHARE))
    with torch.autocast("cpu", torch.bfloat16):
        posterior = vae.encode(pictures).latent_dist
        latents = posterior.sample()
        made = vae.decode(latents).sample.float()
    losses = {"l1": F.l1_loss(made, pictures), "mse": 0.5 * F.mse_loss(made, pictures), "edges": 0.5 * _edge_loss(made, pictures)}
    if vae.encoder.conv_in.weight.requires_grad:
        losses["kl"] = 3e-4 * _divergence(posterior)
    if step % 4 == 0:
        losses["half"] = 0.25 * _half_size_loss(vae, latents, pictures)
    return losses


def _divergence(posterior: object) -> Tensor:
    mean, log_variance = posterior.mean.float(), posterior.logvar.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()


def _half_size_loss(vae: AutoencoderKL, latents: Tensor, pictures: Tensor) -> Tensor:
    """Averaged latents have to decode to the averaged picture: latents that are smooth like pictures are easier to make."""
    with torch.autocast("cpu", torch.bfloat16):
        made = vae.decode(F.avg_pool2d(latents, 2)).sample.float()
    return F.l1_loss(made, F.avg_pool2d(pictures, 2))


def _edge_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Difference of neighbours' differences, both ways."""
    difference = made - wanted
    across, down = difference.diff(dim=3).abs().mean(), difference.diff(dim=2).abs().mean()
    return across + down


def _batch(rng: np.random.Generator, whole: bool) -> Tensor:
    if whole:
        return to_tensor([_paint(rng, draw_scene(rng)) for _ in range(WHOLE_BATCH)])
    scenes = [draw_scene(rng) for _ in range(PICTURES)]
    pictures = [_paint(rng, scene) for scene in scenes]
    return to_tensor([_crop(rng, s, p) for s, p in zip(scenes, pictures) for _ in range(CROPS_PER_PICTURE)])


def _paint(rng: np.random.Generator, scene: Scene) -> np.ndarray:
    """[128, 128, 3] u8, now and then in a style."""
    picture = render(scene)
    return STYLES[str(rng.choice(list(STYLES)))](picture) if rng.random() < STYLED_SHARE else picture


def _crop(rng: np.random.Generator, scene: Scene, picture: np.ndarray) -> np.ndarray:
    """Three in four around a thing: the background is easy and large."""
    top, left = rng.integers(0, 128 - CROP + 1, 2)
    if rng.random() < 0.75:
        thing = scene.things[rng.integers(len(scene.things))]
        reach = thing.radius
        centre = np.array((thing.y, thing.x)) + rng.uniform(-reach, reach, 2)
        top, left = np.clip((centre * 128 - CROP / 2).astype(int), 0, 128 - CROP)
    return picture[top : top + CROP, left : left + CROP]
