"""
The recipe, from nothing to weights. `python models/pocket/recipe` runs every stage that is not done, in order, and goes on
where it was killed; `python models/pocket/recipe STAGE...` runs these stages, done or not.
"""

import sys
from collections.abc import Callable
from functools import partial

import torch

from autoencoder import train_autoencoder
from benchmark import sample_with_diffusers, write_benchmark
from checker import train_checker
from controlnet import train_controlnet
from decoder import polish_decoder
from denoiser import train_denoiser
from evaluation import check_autoencoder, check_controlnet, check_denoiser, check_loras
from export import export
from latents import fold_latents, write_latents
from lora import train_loras
from state import STATE
from text_encoder import train_text_encoder
from tokenizer import train_tokenizer

STAGES: dict[str, Callable[[], None]] = {
    "tokenizer": train_tokenizer,
    "checker": train_checker,
    "autoencoder": train_autoencoder,
    "fold": fold_latents,
    "check_autoencoder": check_autoencoder,
    "text_encoder": train_text_encoder,
    "latents": write_latents,
    "denoiser": train_denoiser,
    "decoder": polish_decoder,
    "check_denoiser": check_denoiser,
    "edges": partial(train_controlnet, "edges"),
    "check_edges": partial(check_controlnet, "edges"),
    "layout": partial(train_controlnet, "layout"),
    "check_layout": partial(check_controlnet, "layout"),
    "loras": train_loras,
    "check_loras": check_loras,
    "export": export,
    "benchmark": write_benchmark,
    "diffusers": sample_with_diffusers,
}


def main(names: list[str]) -> None:
    """Runs the named stages, or all that are not done."""
    done = STATE / "done"
    done.mkdir(parents=True, exist_ok=True)
    for name in names or [name for name in STAGES if not (done / name).exists()]:
        torch.manual_seed(0)
        STAGES[name]()
        (done / name).touch()


main(sys.argv[1:])
