"""The small world the pocket model knows: what there is, and how a scene is drawn by lot."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

OBJECTS = ("ball", "star", "heart", "tree", "house", "flower", "cat", "car", "mushroom", "boat", "fish", "balloon")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
GROUNDS = ("meadow", "sea", "desert", "snow", "mountains")
TIMES = ("day", "sunset", "night")
PLACES = ("left", "middle", "right")

# Where the horizon is, in heights of the picture; on the sea things stand in the water, below the horizon.
HORIZON = 0.62
PLACE_X = {"left": 0.28, "middle": 0.5, "right": 0.72}
SINGLE_RADII = (0.22, 0.27, 0.33)
# The largest that the picture's edge does not cut.
SIDE_RADIUS = 0.26
PAIR_RADIUS = 0.19
PAIR_SHARE = 0.3
EXTRA_SHARE = 0.3
HELD_OUT_ONE_IN = 12


@dataclass(frozen=True)
class Thing:
    """An object: centre and radius in widths of the picture."""

    kind: str
    colour: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """One or two things (from left to right) on a ground at a time of day; `seed` draws the background's details."""

    things: tuple[Thing, ...]
    ground: str
    time: str
    place: str
    has_extra: bool
    seed: int


def is_held_out(things: tuple[Thing, ...], ground: str) -> bool:
    """Whether a combination is kept from training: a hash of the words, so it never moves when the world grows."""
    words = "+".join(sorted(f"{thing.colour} {thing.kind}" for thing in things)) + "@" + ground
    return crc32(words.encode()) % HELD_OUT_ONE_IN == 0


def draw_scene(rng: np.random.Generator, held_out: bool = False, pair_share: float = PAIR_SHARE) -> Scene:
    """A scene by lot, from the held-out combinations or from all others."""
    while True:
        things, place = _draw_pair(rng) if rng.random() < pair_share else _draw_single(rng)
        ground = str(rng.choice(GROUNDS))
        if is_held_out(things, ground) == held_out:
            break
    has_extra = bool(rng.random() < EXTRA_SHARE)
    return Scene(things, ground, str(rng.choice(TIMES)), place, has_extra, int(rng.integers(2**31)))


def _draw_single(rng: np.random.Generator) -> tuple[tuple[Thing, ...], str]:
    place = str(rng.choice(PLACES))
    radius = float(rng.choice(SINGLE_RADII))
    if place != "middle":
        radius = min(radius, SIDE_RADIUS)
    return (_place(rng, PLACE_X[place], radius),), place


def _draw_pair(rng: np.random.Generator) -> tuple[tuple[Thing, ...], str]:
    while True:
        left, right = _place(rng, 0.26, PAIR_RADIUS), _place(rng, 0.74, PAIR_RADIUS)
        if left.kind != right.kind:
            return (left, right), "both"


def _place(rng: np.random.Generator, x: float, radius: float) -> Thing:
    kind, colour = str(rng.choice(OBJECTS)), str(rng.choice(COLOURS))
    jitter = rng.uniform(-0.025, 0.025, 2)
    radius *= float(rng.uniform(0.95, 1.05))
    # Feet stand a little below the horizon; a balloon hangs in the air.
    y = 0.80 - radius * 0.9 if kind != "balloon" else 0.68 - radius * 0.9
    return Thing(kind, colour, x + float(jitter[0]), y + float(jitter[1]), radius)
