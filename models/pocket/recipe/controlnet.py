"""Trains the ControlNet `edges`: a Canny drawing of the picture decides where things are."""

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel

from captions import caption
from denoiser import Pool, add_noise, open_denoiser
from export import FOLDER, tidy_config
from networks import new_controlnet
from optimiser import Optimiser
from paint import render
from state import SEED, budget
from text_encoder import TEXT_LENGTH
from tokenizer import Tokenizer
from training import Training, load_average
from world import Scene

STEPS = 900
BATCH = 16
RATE = 3e-3
# Without a caption the drawing alone has to say what is where.
EMPTY_SHARE = 0.5
# Where little noise is left, the lines are in the picture already.
FIRST_TIME = 150
CANNY_LOW, CANNY_HIGH = 100, 200


def train_edges() -> None:
    """Stage `edges`: starts as a copy of the UNet's encoder; the UNet itself stays."""
    unet, encoder, tokenizer = open_denoiser()
    controlnet = new_controlnet(unet)
    _wake(controlnet)
    for network in (unet, encoder):
        network.requires_grad_(False)
    training = Training("edges", {"edges": controlnet}, Optimiser([(controlnet, RATE)], []), budget("edges", STEPS), decay=0.99)
    pool = Pool()
    training.run(lambda step: _losses((unet, encoder, tokenizer), controlnet, pool, step))
    training.use_average()
    controlnet.half().save_pretrained(FOLDER / "controlnets" / "edges")
    tidy_config(FOLDER / "controlnets" / "edges" / "config.json")


def _wake(controlnet: ControlNetModel) -> None:
    """
    Diffusers leaves the layers that read the drawing with weights so small that nothing of it gets through all eight, and
    the last with none; a short training does not get over it. The ControlNet starts silent all the same: what it adds to
    the UNet passes convolutions of zeros.
    """
    reader = controlnet.controlnet_cond_embedding
    for layer in (reader.conv_in, *reader.blocks, reader.conv_out):
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)


def open_edges(unet: UNet2DConditionModel) -> ControlNetModel | None:
    """The trained ControlNet, or None."""
    controlnet = new_controlnet(unet).eval()
    return controlnet if load_average("edges", {"edges": controlnet}) else None


def edges(picture: np.ndarray) -> np.ndarray:
    """White lines on black [h, w, 3] u8, as the mesh's own preprocessor draws them."""
    lines = cv2.Canny(picture, CANNY_LOW, CANNY_HIGH)
    return np.repeat(lines[..., None], 3, axis=2)


def hints(scenes: list[Scene]) -> Tensor:
    """[b, 3, 128, 128] in 0..1."""
    drawings = np.stack([edges(render(scene)) for scene in scenes])
    return torch.from_numpy(drawings).permute(0, 3, 1, 2).float() / 255


def _losses(
    networks: tuple[UNet2DConditionModel, CLIPTextModel, Tokenizer], controlnet: ControlNetModel, pool: Pool, step: int
) -> dict[str, Tensor]:
    unet, encoder, tokenizer = networks
    rng = np.random.default_rng((SEED, 11, step))
    latents, scenes = pool.draw(rng, BATCH)
    texts = ["" if rng.random() < EMPTY_SHARE else caption(scene, rng) for scene in scenes]
    noised, times, velocity, weights = add_noise(latents, torch.Generator().manual_seed(SEED + step), FIRST_TIME)
    with torch.autocast("cpu", torch.bfloat16):
        text = encoder(tokenizer(texts, TEXT_LENGTH)).last_hidden_state
        down, middle = controlnet(noised, times, text, hints(scenes), return_dict=False)
        made = unet(noised, times, text, down_block_additional_residuals=down, mid_block_additional_residual=middle).sample
    error = (made.float() - velocity).square().mean((1, 2, 3))
    return {"loss": (error * weights).mean()}
