"""
The checker: a small network that reads a picture back into words, trained on renders alone. What it says of generated
pictures is how we measure whether they follow the prompt; its ceiling is what it says of true renders.
"""

from collections import defaultdict
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autoencoder import to_tensor
from optimiser import Optimiser
from paint import label_map, render
from state import SEED, budget, log
from styles import COLOURFUL, PLAIN, STYLE_NAMES, restyle
from training import Training, load_average
from world import COLOURS, GROUNDS, OBJECTS, PLACE_X, TIMES, Scene, draw_scene

STEPS = 1200
BATCH = 24
CELLS = 16
# So many of the pictures are restyled, so that what a LoRA makes can be read too.
STYLED_SHARE = 0.4
# Regions smaller than this many cells are specks.
LEAST_CELLS = 4


@dataclass(frozen=True)
class Reading:
    """What a picture shows: (object, colour) from left to right, and each one's x; ground; time; style."""

    things: tuple[tuple[str, str], ...]
    xs: tuple[float, ...]
    ground: str
    time: str
    style: str


class Checker(nn.Module):
    """[b, 3, 128, 128] in -1..1 -> object and colour [b, k, 16, 16], ground, time and style [b, k]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(_layer(3, 24, 1), _layer(24, 48, 2), _layer(48, 96, 2), _layer(96, 96, 1), _layer(96, 96, 1, dilation=2))
        self.maps = nn.Conv2d(96, len(OBJECTS) + len(COLOURS) + 2, 1)
        self.whole = nn.Linear(192, len(GROUNDS) + len(TIMES) + len(STYLE_NAMES))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        features = self.body(F.avg_pool2d(pictures, 2))
        objects, colours = self.maps(features).split([len(OBJECTS) + 1, len(COLOURS) + 1], 1)
        upper, lower = features[:, :, :8].mean((2, 3)), features[:, :, 8:].mean((2, 3))
        whole = self.whole(torch.cat([upper, lower], 1))
        ground, time, style = whole.split([len(GROUNDS), len(TIMES), len(STYLE_NAMES)], 1)
        return {"object": objects, "colour": colours, "ground": ground, "time": time, "style": style}


def _layer(inputs: int, outputs: int, stride: int, dilation: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation)
    return nn.Sequential(convolution, nn.GroupNorm(8, outputs), nn.SiLU())


def train_checker() -> None:
    """Stage `checker`."""
    checker = Checker().to(memory_format=torch.channels_last)
    training = Training("checker", {"checker": checker}, Optimiser([(checker, 3e-3)], []), budget("checker", STEPS), decay=0.99)
    training.run(lambda step: _losses(checker, step))
    rng = np.random.default_rng(SEED + 9)
    for style in STYLE_NAMES:
        for kind, pair_share in (("single", 0), ("pair", 1)):
            scenes = [draw_scene(rng, True, pair_share) for _ in range(100)]
            scores = score(open_checker(), scenes, [restyle(style, render(scene)) for scene in scenes], style)
            log(f"checker on true renders, {style}, {kind}: {scores}")


def open_checker() -> Checker:
    """The trained checker."""
    checker = Checker().to(memory_format=torch.channels_last).eval()
    load_average("checker", {"checker": checker})
    return checker


@torch.no_grad()
def read(checker: Checker, pictures: list[np.ndarray]) -> list[Reading]:
    """Reads pictures [128, 128, 3] u8."""
    guesses = {key: value.float() for key, value in checker(to_tensor(pictures)).items()}
    best = {key: value.argmax(1).numpy() for key, value in guesses.items()}
    return [_reading(*values) for values in zip(*(best[key] for key in ("object", "colour", "ground", "time", "style")))]


def score(checker: Checker, scenes: list[Scene], pictures: list[np.ndarray], style: str = PLAIN) -> dict[str, float]:
    """Shares of pictures that show what their scene says; `all` is objects, colours and ground together."""
    found: dict[str, list[bool]] = defaultdict(list)
    for scene, reading in zip(scenes, read(checker, pictures)):
        for key, right in (_compare(scene, reading) | {"style": reading.style == style}).items():
            found[key].append(right)
    return {key: round(float(np.mean(values)), 3) for key, values in found.items()}


def _compare(scene: Scene, reading: Reading) -> dict[str, bool]:
    wanted = tuple((thing.kind, thing.colour) for thing in scene.things)
    objects = [kind for kind, _ in reading.things] == [kind for kind, _ in wanted]
    right = {"object": objects, "object+colour": reading.things == wanted, "ground": reading.ground == scene.ground}
    right |= {"time": reading.time == scene.time, "all": right["object+colour"] and right["ground"]}
    if scene.place in PLACE_X and reading.xs:
        right["place"] = min(PLACE_X, key=lambda place: abs(PLACE_X[place] - reading.xs[0])) == scene.place
    return right


def _reading(objects: np.ndarray, colours: np.ndarray, ground: int, time: int, style: int) -> Reading:
    count, regions = cv2.connectedComponents((objects > 0).astype(np.uint8), connectivity=4)
    found = []
    for region in range(1, count):
        inside = regions == region
        if inside.sum() >= LEAST_CELLS:
            x = float((np.nonzero(inside)[1].mean() + 0.5) / CELLS)
            found.append((x, OBJECTS[_most(objects[inside]) - 1], COLOURS[_most(colours[inside]) - 1]))
    found.sort()
    things = tuple((kind, colour) for _, kind, colour in found)
    return Reading(things, tuple(x for x, *_ in found), GROUNDS[ground], TIMES[time], STYLE_NAMES[style])


def _most(labels: np.ndarray) -> int:
    """The most frequent label that is not background; 1 when there is none."""
    counts = np.bincount(labels, minlength=2)
    counts[0] = 0
    return max(1, int(counts.argmax()))


def _losses(checker: Checker, step: int) -> dict[str, Tensor]:
    rng = np.random.default_rng((SEED, 4, step))
    scenes = [draw_scene(rng) for _ in range(BATCH)]
    styles = [str(rng.choice(STYLE_NAMES[1:])) if rng.random() < STYLED_SHARE else PLAIN for _ in scenes]
    pictures = to_tensor([_spoil(rng, restyle(style, render(scene))) for scene, style in zip(scenes, styles)])
    with torch.autocast("cpu", torch.bfloat16):
        guesses = {key: guess.float() for key, guess in checker(pictures).items()}
    labels = torch.from_numpy(np.stack([label_map(scene, CELLS) for scene in scenes]))
    colourful = torch.tensor([style in COLOURFUL for style in styles])
    ground, time = (torch.tensor(indices) for indices in zip(*((GROUNDS.index(s.ground), TIMES.index(s.time)) for s in scenes)))
    style = torch.tensor([STYLE_NAMES.index(style) for style in styles])
    return {
        "object": F.cross_entropy(guesses["object"], labels[:, 0]),
        "colour": F.cross_entropy(guesses["colour"][colourful], labels[colourful, 1]),
        "ground": 0.2 * F.cross_entropy(guesses["ground"][colourful], ground[colourful]),
        "time": 0.2 * F.cross_entropy(guesses["time"][colourful], time[colourful]),
        "style": 0.2 * F.cross_entropy(guesses["style"], style),
    }


def _spoil(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Blur, noise and gain, so that the softness of generated pictures is nothing new."""
    spoilt = picture.astype(np.float32)
    if rng.random() < 0.6:
        spoilt = cv2.GaussianBlur(spoilt, (0, 0), float(rng.uniform(0.5, 2.2)))
    spoilt = spoilt * rng.uniform(0.9, 1.1) + rng.uniform(-8, 8) + rng.normal(0, rng.uniform(0, 8), picture.shape)
    return spoilt.clip(0, 255).astype(np.uint8)
