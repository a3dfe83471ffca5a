"""How good it is so far, by the checker: reconstructions, pictures from held-out prompts, pictures along a drawing."""

import cv2
import numpy as np
import torch

from autoencoder import peak_signal_to_noise, to_pictures, to_tensor
from captions import plain_caption
from checker import open_checker, score
from controlnet import CONTROLS, hints, open_controlnet
from denoiser import open_denoiser
from latents import open_autoencoder
from lora import open_lora
from paint import render
from sampling import sample
from sheet import write_sheet
from state import SEED, STATE, budget, log
from styles import STYLES
from world import Scene, draw_scene

KINDS = (("single", 0.0), ("pair", 1.0))
# Below these shares the stages that follow would learn from, or ship, what cannot be read.
LEAST_RECONSTRUCTED = 0.9
LEAST_SINGLE = 0.75
EDGE_TOLERANCE_PIXELS = 2
BLOCK_TOLERANCE = 12


def held_out_scenes(pair_share: float, count: int) -> list[Scene]:
    """Scenes whose combination of things and ground was never trained on."""
    rng = np.random.default_rng(SEED + 10)
    return [draw_scene(rng, held_out=True, pair_share=pair_share) for _ in range(count)]


@torch.no_grad()
def check_autoencoder() -> None:
    """Stage `check_autoencoder`: the ceiling that the autoencoder sets; stops the recipe when pairs cannot be read."""
    vae, checker = open_autoencoder(), open_checker()
    log(f"autoencoder: {peak_signal_to_noise(vae):.2f} dB on held-out renders")
    for kind, pair_share in KINDS:
        scenes = held_out_scenes(pair_share, 100)
        pictures = [render(scene) for scene in scenes]
        batches = [to_tensor(pictures[start : start + 20]) for start in range(0, len(pictures), 20)]
        made = [picture for batch in batches for picture in to_pictures(vae.decode(vae.encode(batch).latent_dist.mean).sample)]
        scores = score(checker, scenes, made)
        log(f"  reconstructions, {kind}: {scores}")
        write_sheet(STATE / "sheets" / f"autoencoder-{kind}.png", [p for both in zip(pictures[:32], made[:32]) for p in both])
        _require(scores["all"], LEAST_RECONSTRUCTED, f"reconstructions, {kind}")


def check_denoiser() -> None:
    """Stage `check_denoiser`: POCKET_CHECK_STEPS prompts of each kind; stops the recipe when single objects cannot be read."""
    vae, checker, networks = open_autoencoder(), open_checker(), open_denoiser()
    for kind, pair_share in KINDS:
        scenes = held_out_scenes(pair_share, budget("check", 100))
        pictures = sample(networks, vae, [plain_caption(scene) for scene in scenes])
        scores = score(checker, scenes, pictures)
        log(f"  {kind}: {scores} of {len(scenes)}")
        write_sheet(STATE / "sheets" / f"denoiser-{kind}.png", pictures)
        if kind == "single":
            _require(scores["all"], LEAST_SINGLE, "held-out prompts, single")


def check_controlnet(name: str) -> None:
    """
    Stages `check_edges` and `check_layout`: POCKET_CHECK_STEPS hints of held-out renders; how like them the pictures' own are
    (F1 of edges within two pixels, the share of blocks in their colour), and the checker's score.
    """
    vae, checker, networks = open_autoencoder(), open_checker(), open_denoiser()
    controlnet, draw, likeness = open_controlnet(name, networks[0]), CONTROLS[name].draw, LIKENESS[name]
    scenes = held_out_scenes(0.3, budget("check", 64))
    drawn = [draw(render(scene), None) for scene in scenes]
    prompts = [plain_caption(scene) for scene in scenes]
    made = sample(networks, vae, prompts, (controlnet, hints(scenes, draw)))
    free = sample(networks, vae, prompts)
    for what, pictures in ((f"with {name}", made), ("without", free)):
        mean = np.mean([likeness(hint, draw(picture, None)) for hint, picture in zip(drawn, pictures)])
        log(f"  {what}: likeness {mean:.3f}, {score(checker, scenes, pictures)} of {len(scenes)}")
    write_sheet(STATE / "sheets" / f"{name}.png", [p for both in zip(drawn[:32], made[:32]) for p in both])


def check_loras() -> None:
    """Stage `check_loras`: POCKET_CHECK_STEPS prompts in each style, read by the checker."""
    vae, checker = open_autoencoder(), open_checker()
    scenes = held_out_scenes(0.3, budget("check", 32))
    for style in STYLES:
        pictures = sample(open_lora(style), vae, [plain_caption(scene) for scene in scenes])
        log(f"  {style}: {score(checker, scenes, pictures, style)} of {len(scenes)}")
        write_sheet(STATE / "sheets" / f"lora-{style}.png", pictures)


def edge_f1(wanted: np.ndarray, made: np.ndarray) -> float:
    """F1 of two drawings [h, w, 3] u8: an edge counts as found within two pixels."""
    precision, recall = _near(made, wanted), _near(wanted, made)
    return 2 * precision * recall / max(1e-9, precision + recall)


def blocks_near(wanted: np.ndarray, made: np.ndarray) -> float:
    """Share of pixels of two layouts [h, w, 3] u8 whose colours differ by BLOCK_TOLERANCE levels at most in every channel."""
    difference = np.abs(wanted.astype(np.int16) - made.astype(np.int16)).max(2)
    return float((difference <= BLOCK_TOLERANCE).mean())


LIKENESS = {"edges": edge_f1, "layout": blocks_near}


def _near(lines: np.ndarray, others: np.ndarray) -> float:
    """Share of the pixels of `lines` that have one of `others` near."""
    distance = cv2.distanceTransform((others[..., 0] == 0).astype(np.uint8), cv2.DIST_L2, 5)
    on_line = lines[..., 0] > 0
    return float((distance[on_line] <= EDGE_TOLERANCE_PIXELS).mean()) if on_line.any() else 0.0


def _require(share: float, least: float, what: str) -> None:
    if share < least:
        raise SystemExit(f"{what}: {share:.0%} can be read, {least:.0%} is needed. Give the stages before more steps.")
