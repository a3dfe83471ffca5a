"""
Trains the ControlNets: `edges`, where a Canny drawing of the picture decides where things are, and `layout`, where blocks of
colour do.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel

from captions import caption
from denoiser import Pool, add_noise, open_denoiser
from export import FOLDER, tidy_config
from networks import new_controlnet, new_plain_controlnet
from optimiser import Optimiser
from paint import render
from state import SEED, budget
from text_encoder import TEXT_LENGTH
from tokenizer import Tokenizer
from training import Training, load_average
from world import Scene

BATCH = 16
RATE = 3e-3
# Without a caption the hint alone has to say what is where.
EMPTY_SHARE = 0.5
# Where little noise is left, the lines are in the picture already.
FIRST_TIME = 150
CANNY_LOW, CANNY_HIGH = 100, 200
# Cells along a side of a layout: the mesh's own preprocessor makes 8, people draw finer ones.
CELLS = (8, 16)

Draw = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Control:
    """A ControlNet to train: the steps it takes, its network, and its hint for a picture, both [h, w, 3] u8."""

    steps: int
    new: Callable[[UNet2DConditionModel], ControlNetModel]
    draw: Draw


def edges(picture: np.ndarray, _rng: np.random.Generator | None = None) -> np.ndarray:
    """White lines on black, as the mesh's own preprocessor draws them."""
    lines = cv2.Canny(picture, CANNY_LOW, CANNY_HIGH)
    return np.repeat(lines[..., None], 3, axis=2)


def layout(picture: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """Blocks of the mean colour of what they cover; 8 along a side, or as `rng` says."""
    cells = CELLS[0] if rng is None else int(rng.choice(CELLS))
    blocks = cv2.resize(picture, (cells, cells), interpolation=cv2.INTER_AREA)
    return cv2.resize(blocks, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)


CONTROLS = {"edges": Control(900, new_controlnet, edges), "layout": Control(600, new_plain_controlnet, layout)}


def train_controlnet(name: str) -> None:
    """Stages `edges` and `layout`: starts as a copy of the UNet's encoder; the UNet itself stays."""
    control = CONTROLS[name]
    unet, encoder, tokenizer = open_denoiser()
    controlnet = control.new(unet)
    _wake(controlnet)
    for network in (unet, encoder):
        network.requires_grad_(False)
    training = Training(name, {name: controlnet}, Optimiser([(controlnet, RATE)], []), budget(name, control.steps), decay=0.99)
    pool = Pool()
    training.run(lambda step: _losses((unet, encoder, tokenizer), (controlnet, control.draw), pool, step))
    training.use_average()
    controlnet.half().save_pretrained(FOLDER / "controlnets" / name)
    tidy_config(FOLDER / "controlnets" / name / "config.json")


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


def open_controlnet(name: str, unet: UNet2DConditionModel) -> ControlNetModel | None:
    """The trained ControlNet, or None."""
    controlnet = CONTROLS[name].new(unet).eval()
    return controlnet if load_average(name, {name: controlnet}) else None


def hints(scenes: list[Scene], draw: Draw, rng: np.random.Generator | None = None) -> Tensor:
    """[b, 3, 128, 128] in 0..1."""
    drawings = np.stack([draw(render(scene), rng) for scene in scenes])
    return torch.from_numpy(drawings).permute(0, 3, 1, 2).float() / 255


def _losses(
    networks: tuple[UNet2DConditionModel, CLIPTextModel, Tokenizer], control: tuple[ControlNetModel, Draw], pool: Pool, step: int
) -> dict[str, Tensor]:
    (unet, encoder, tokenizer), (controlnet, draw) = networks, control
    rng = np.random.default_rng((SEED, 11, step))
    latents, scenes = pool.draw(rng, BATCH)
    texts = ["" if rng.random() < EMPTY_SHARE else caption(scene, rng) for scene in scenes]
    noised, times, velocity, weights = add_noise(latents, torch.Generator().manual_seed(SEED + step), FIRST_TIME)
    with torch.autocast("cpu", torch.bfloat16):
        text = encoder(tokenizer(texts, TEXT_LENGTH)).last_hidden_state
        down, middle = controlnet(noised, times, text, hints(scenes, draw, rng), return_dict=False)
        made = unet(noised, times, text, down_block_additional_residuals=down, mid_block_additional_residual=middle).sample
    error = (made.float() - velocity).square().mean((1, 2, 3))
    return {"loss": (error * weights).mean()}
