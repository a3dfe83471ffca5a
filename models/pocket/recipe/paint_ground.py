"""Backgrounds: sky, sun or moon, and one of the grounds, in the light of the time of day."""

import numpy as np

from pen import Pen
from world import HORIZON

Colour = tuple[int, int, int]

SKIES: dict[str, tuple[Colour, Colour]] = {
    "day": ((86, 165, 236), (207, 234, 250)),
    "sunset": ((98, 74, 150), (255, 176, 108)),
    "night": ((14, 18, 50), (44, 56, 110)),
}

# Far and near tone of the ground, by ground and time.
GROUNDS: dict[str, dict[str, tuple[Colour, Colour]]] = {
    "meadow": {"day": ((140, 204, 98), (104, 176, 76)), "sunset": ((136, 142, 66), (108, 118, 54)), "night": ((42, 78, 58), (30, 60, 46))},
    "sea": {"day": ((62, 142, 214), (32, 102, 178)), "sunset": ((70, 104, 140), (40, 72, 112)), "night": ((34, 66, 126), (22, 46, 94))},
    "desert": {"day": ((244, 214, 146), (230, 190, 116)), "sunset": ((234, 152, 86), (212, 124, 66)), "night": ((112, 92, 88), (90, 74, 74))},
    "snow": {"day": ((248, 251, 255), (222, 233, 246)), "sunset": ((244, 206, 204), (226, 180, 186)), "night": ((124, 140, 192), (100, 116, 168))},
    "mountains": {"day": ((128, 186, 92), (98, 160, 76)), "sunset": ((130, 132, 66), (104, 108, 54)), "night": ((40, 70, 58), (28, 54, 46))},
}
MOUNTAINS: dict[str, tuple[Colour, Colour]] = {
    "day": ((134, 140, 164), (246, 249, 253)),
    "sunset": ((136, 100, 120), (250, 206, 186)),
    "night": ((62, 70, 112), (140, 152, 196)),
}


def paint_ground(pen: Pen, ground: str, time: str, rng: np.random.Generator) -> None:
    """Paints the whole background. Details come from `rng`."""
    _paint_sky(pen, time, rng)
    if ground == "mountains":
        _paint_mountains(pen, time, rng)
    far, near = GROUNDS[ground][time]
    if ground == "sea":
        _paint_sea(pen, far, near, rng)
    else:
        _paint_hills(pen, far, near, rng)


def paint_extra(pen: Pen, time: str, x: float) -> None:
    """The sun by day and at sunset, the moon at night, up in the sky at `x`."""
    y = 0.15
    if time == "night":
        sky = pen.sample(x, y)
        pen.disc(x, y, 0.085, (250, 240, 180))
        pen.disc(x + 0.045, y - 0.025, 0.075, sky)
        return
    angles = np.linspace(0, 2 * np.pi, 25)[:-1]
    radii = np.where(np.arange(24) % 2 == 0, 0.115, 0.088)
    pen.polygon(np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], 1), (250, 196, 60))
    pen.disc(x, y, 0.078, (255, 222, 92))


def _paint_sky(pen: Pen, time: str, rng: np.random.Generator) -> None:
    top, bottom = (np.array(colour, np.float32) for colour in SKIES[time])
    share = np.clip(np.linspace(0, 1 / HORIZON, pen.size), 0, 1)[:, None]
    pen.canvas[:] = (top + (bottom - top) * share)[:, None].astype(np.uint8)
    if time == "night":
        for x, y in rng.uniform((0.03, 0.03), (0.97, 0.42), (9, 2)):
            pen.disc(x, y, 0.0075, (214, 220, 246))


def _paint_mountains(pen: Pen, time: str, rng: np.random.Generator) -> None:
    rock, cap = MOUNTAINS[time]
    shade = tuple(int(tone * 0.84) for tone in rock)
    for x in (0.1, 0.52, 0.92):
        peak, height, width = x + rng.uniform(-0.04, 0.04), rng.uniform(0.24, 0.32), rng.uniform(0.27, 0.33)
        top, foot = HORIZON - height, HORIZON + 0.03
        pen.polygon([(peak - width, foot), (peak, top), (peak + width, foot)], rock)
        pen.polygon([(peak, top), (peak + width, foot), (peak + width * 0.12, foot)], shade)
        share = 0.33
        drop, reach = top + (foot - top) * share, width * share
        teeth = [(peak + reach * 0.45, drop - 0.02), (peak, drop + 0.02), (peak - reach * 0.45, drop - 0.02)]
        pen.polygon([(peak - reach, drop), (peak, top), (peak + reach, drop), *teeth], cap)


def _paint_hills(pen: Pen, far: Colour, near: Colour, rng: np.random.Generator) -> None:
    for level, tone in ((HORIZON, far), (HORIZON + 0.17, near)):
        phase, amplitude = rng.uniform(0, 2 * np.pi), rng.uniform(0.012, 0.024)
        x = np.linspace(0, 1, 33)
        y = level + amplitude * np.sin(x * 2 * np.pi * 0.9 + phase)
        pen.polygon([*zip(x, y), (1, 1.01), (0, 1.01)], tone)


def _paint_sea(pen: Pen, far: Colour, near: Colour, rng: np.random.Generator) -> None:
    start = int(HORIZON * pen.size)
    share = np.linspace(0, 1, pen.size - start, dtype=np.float32)[:, None]
    tones = np.array(far, np.float32) + (np.array(near, np.float32) - np.array(far, np.float32)) * share
    pen.canvas[start:] = tones[:, None].astype(np.uint8)
    crest = tuple(int(tone + (255 - tone) * 0.38) for tone in far)
    for y in (0.70, 0.80, 0.90):
        for x in (rng.uniform(0.05, 0.4), rng.uniform(0.55, 0.85)):
            line = [(x + t * 0.13, y + 0.010 * np.sin(t * np.pi * 2)) for t in np.linspace(0, 1, 9)]
            pen.stroke(line, crest, 0.014)
