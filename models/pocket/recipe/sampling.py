"""Pictures from prompts with Diffusers' own sampler, as a user of the model would make them."""

import numpy as np
import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextModel

from autoencoder import to_pictures
from denoiser import NOISE
from networks import LATENT_SCALE
from tokenizer import Tokenizer

STEPS = 20
GUIDANCE = 5.0
BATCH = 16


def new_scheduler() -> DPMSolverMultistepScheduler:
    """DPM++ 2M, with the settings that the exported scheduler_config.json has."""
    return DPMSolverMultistepScheduler(**NOISE, prediction_type="v_prediction", steps_offset=1)


@torch.no_grad()
def sample(
    networks: tuple[UNet2DConditionModel, CLIPTextModel, Tokenizer], vae: AutoencoderKL, prompts: list[str], steps: int = STEPS
) -> list[np.ndarray]:
    """One picture [128, 128, 3] u8 per prompt; the noise of a prompt depends on its place in the list."""
    pictures: list[np.ndarray] = []
    for start in range(0, len(prompts), BATCH):
        pictures += _sample_batch(networks, vae, prompts[start : start + BATCH], steps, start)
    return pictures


def _sample_batch(
    networks: tuple[UNet2DConditionModel, CLIPTextModel, Tokenizer], vae: AutoencoderKL, prompts: list[str], steps: int, seed: int
) -> list[np.ndarray]:
    unet, encoder, tokenizer = networks
    text = encoder(tokenizer([""] * len(prompts) + prompts)).last_hidden_state
    scheduler = new_scheduler()
    scheduler.set_timesteps(steps)
    latents = torch.randn(len(prompts), 4, 16, 16, generator=torch.Generator().manual_seed(seed))
    for time in scheduler.timesteps:
        with torch.autocast("cpu", torch.bfloat16):
            without, with_text = unet(torch.cat([latents] * 2), time, text).sample.float().chunk(2)
        velocity = without + GUIDANCE * (with_text - without)
        latents = scheduler.step(velocity, time, latents).prev_sample
    return to_pictures(vae.decode(latents / LATENT_SCALE).sample)
