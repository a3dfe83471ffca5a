"""Pictures from prompts with Diffusers' own sampler, as a user of the model would make them."""

import numpy as np
import torch
from diffusers import AutoencoderKL, ControlNetModel, DPMSolverMultistepScheduler, UNet2DConditionModel
from torch import Tensor
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


Networks = tuple[UNet2DConditionModel, CLIPTextModel, Tokenizer]
# A ControlNet and its hints [n, 3, 128, 128] in 0..1, one per prompt.
Control = tuple[ControlNetModel, Tensor]


@torch.no_grad()
def sample(networks: Networks, vae: AutoencoderKL, prompts: list[str], control: Control | None = None) -> list[np.ndarray]:
    """One picture [128, 128, 3] u8 per prompt; the noise of a prompt depends on its place in the list."""
    pictures: list[np.ndarray] = []
    for start in range(0, len(prompts), BATCH):
        rows = slice(start, start + BATCH)
        part = control and (control[0], control[1][rows])
        latents = _sample_latents(networks, prompts[rows], part, seed=start)
        pictures += to_pictures(vae.decode(latents / LATENT_SCALE).sample)
    return pictures


def _sample_latents(networks: Networks, prompts: list[str], control: Control | None, seed: int) -> Tensor:
    """[b, 4, 16, 16] with deviation 1."""
    unet, encoder, tokenizer = networks
    text = encoder(tokenizer([""] * len(prompts) + prompts)).last_hidden_state
    scheduler = new_scheduler()
    scheduler.set_timesteps(STEPS)
    latents = torch.randn(len(prompts), 4, 16, 16, generator=torch.Generator().manual_seed(seed))
    for time in scheduler.timesteps:
        with torch.autocast("cpu", torch.bfloat16):
            velocity = _velocity(unet, torch.cat([latents] * 2), time, text, control)
        without, with_text = velocity.float().chunk(2)
        latents = scheduler.step(without + GUIDANCE * (with_text - without), time, latents).prev_sample
    return latents


def _velocity(unet: UNet2DConditionModel, latents: Tensor, time: Tensor, text: Tensor, control: Control | None) -> Tensor:
    if control is None:
        return unet(latents, time, text).sample
    controlnet, hints = control
    down, middle = controlnet(latents, time, text, torch.cat([hints] * 2), return_dict=False)
    return unet(latents, time, text, down_block_additional_residuals=down, mid_block_additional_residual=middle).sample
