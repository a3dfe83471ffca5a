"""The objects, each a few flat shapes: a lit tone, a shaded tone to the lower right, details big enough for 128 pixels."""

from collections.abc import Callable

import numpy as np

from pen import Colour, Pen
from world import Thing

TONES: dict[str, Colour] = {
    "red": (232, 56, 58),
    "orange": (250, 146, 36),
    "yellow": (252, 216, 52),
    "green": (48, 172, 84),
    "blue": (52, 112, 236),
    "purple": (150, 74, 204),
    "pink": (255, 140, 192),
    "white": (246, 246, 248),
}
CREAM, BROWN, DARK, GLASS = (250, 240, 218), (134, 86, 52), (44, 42, 58), (206, 234, 250)


class Brush:
    """Paints in the frame of one thing: (0, 0) is its centre, 1 its radius, y down."""

    def __init__(self, pen: Pen, thing: Thing) -> None:
        self.pen, self.thing = pen, thing
        self.tone = TONES[thing.colour]
        self.shade = mix(self.tone, (40, 40, 84), 0.22)
        self.light = mix(self.tone, (255, 255, 255), 0.45)

    def polygon(self, points: list[tuple[float, float]] | np.ndarray, colour: Colour) -> None:
        centre = np.array((self.thing.x, self.thing.y))
        self.pen.polygon(centre + np.asarray(points, np.float64) * self.thing.radius, colour)

    def ellipse(self, x: float, y: float, width: float, height: float, colour: Colour, angle: float = 0) -> None:
        radius = self.thing.radius
        self.pen.ellipse(self.thing.x + x * radius, self.thing.y + y * radius, width * radius, height * radius, colour, angle)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.ellipse(x, y, radius, radius, colour)

    def stroke(self, points: list[tuple[float, float]], colour: Colour, width: float) -> None:
        centre = np.array((self.thing.x, self.thing.y))
        self.pen.stroke(centre + np.asarray(points) * self.thing.radius, colour, width * self.thing.radius)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with `share` of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other))
    return red, green, blue


def paint_thing(pen: Pen, thing: Thing) -> None:
    """Paints a thing with its shadow on the ground."""
    if thing.kind != "balloon":
        pen.darken(thing.x, thing.y + thing.radius * 0.93, thing.radius * 0.85, thing.radius * 0.14)
    PAINTERS[thing.kind](Brush(pen, thing))


def _ball(brush: Brush) -> None:
    brush.disc(0, 0, 0.95, brush.shade)
    brush.disc(-0.09, -0.09, 0.84, brush.tone)
    brush.ellipse(-0.38, -0.42, 0.24, 0.17, brush.light, -40)


def _star(brush: Brush) -> None:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2 == 0, 1.05, 0.46)
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles) + 0.06], 1)
    brush.polygon(points, brush.tone)
    for tip in range(0, 10, 2):
        brush.polygon([points[tip], points[(tip + 1) % 10], (0, 0.06)], brush.shade)


def _heart(brush: Brush) -> None:
    t = np.linspace(0, 2 * np.pi, 48)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    outline = np.stack([x, y - 2.4], 1) / 16.2
    brush.polygon(outline, brush.shade)
    brush.polygon(outline * 0.88 + (-0.05, -0.04), brush.tone)
    brush.ellipse(-0.47, -0.45, 0.2, 0.13, brush.light, -40)


def _tree(brush: Brush) -> None:
    brush.polygon([(-0.15, 0.1), (0.15, 0.1), (0.19, 0.96), (-0.19, 0.96)], BROWN)
    for x, y, radius in ((0.36, 0.06, 0.46), (-0.38, 0.06, 0.46), (0, -0.42, 0.58)):
        brush.disc(x, y, radius, brush.shade)
    for x, y, radius in ((0.28, 0.0, 0.40), (-0.42, 0.02, 0.40), (-0.06, -0.46, 0.51)):
        brush.disc(x, y, radius, brush.tone)


def _house(brush: Brush) -> None:
    brush.polygon([(-0.72, -0.1), (0.72, -0.1), (0.72, 0.95), (-0.72, 0.95)], CREAM)
    brush.polygon([(0.36, -0.1), (0.72, -0.1), (0.72, 0.95), (0.36, 0.95)], mix(CREAM, DARK, 0.12))
    brush.polygon([(-1.0, 0.0), (0, -1.0), (1.0, 0.0)], brush.tone)
    brush.polygon([(0, -1.0), (1.0, 0.0), (0.45, 0.0)], brush.shade)
    brush.polygon([(-0.2, 0.3), (0.2, 0.3), (0.2, 0.95), (-0.2, 0.95)], brush.shade)


def _flower(brush: Brush) -> None:
    green = (52, 140, 62)
    brush.polygon([(-0.07, 0.1), (0.07, 0.1), (0.07, 0.98), (-0.07, 0.98)], green)
    brush.ellipse(-0.32, 0.72, 0.3, 0.13, green, 25)
    brush.ellipse(0.32, 0.72, 0.3, 0.13, green, -25)
    for angle in np.arange(5) * 2 * np.pi / 5 - np.pi / 2:
        brush.disc(0.42 * np.cos(angle), 0.42 * np.sin(angle) - 0.3, 0.34, brush.tone)
    middle = (255, 214, 66) if brush.thing.colour not in ("yellow", "orange") else (150, 84, 40)
    brush.disc(0, -0.3, 0.25, middle)


def _cat(brush: Brush) -> None:
    brush.stroke([(0.4, 0.72), (0.86, 0.62), (0.9, 0.12)], brush.shade, 0.17)
    brush.ellipse(0, 0.48, 0.56, 0.5, brush.shade)
    brush.ellipse(-0.05, 0.48, 0.5, 0.49, brush.tone)
    for side in (-1, 1):
        brush.polygon([(side * 0.64, -0.3), (side * 0.56, -1.08), (side * 0.08, -0.66)], brush.tone)
    brush.ellipse(0, -0.32, 0.66, 0.52, brush.tone)
    for side in (-1, 1):
        brush.ellipse(side * 0.27, -0.38, 0.11, 0.15, DARK)
    brush.disc(0, -0.13, 0.08, (240, 120, 140) if brush.thing.colour != "pink" else DARK)


def _car(brush: Brush) -> None:
    brush.polygon([(-0.62, 0.08), (-0.4, -0.46), (0.36, -0.46), (0.66, 0.08)], brush.tone)
    brush.polygon([(-0.42, 0.04), (-0.28, -0.31), (-0.04, -0.31), (-0.04, 0.04)], GLASS)
    brush.polygon([(0.08, 0.04), (0.08, -0.31), (0.28, -0.31), (0.45, 0.04)], GLASS)
    brush.polygon([(-1.05, 0.12), (-0.95, 0.0), (0.9, 0.0), (1.08, 0.2), (1.08, 0.66), (-1.05, 0.66)], brush.tone)
    brush.polygon([(-1.05, 0.46), (1.08, 0.46), (1.08, 0.66), (-1.05, 0.66)], brush.shade)
    for x in (-0.56, 0.58):
        brush.disc(x, 0.66, 0.29, DARK)
        brush.disc(x, 0.66, 0.13, (214, 214, 222))


def _mushroom(brush: Brush) -> None:
    brush.polygon([(-0.26, 0.0), (0.26, 0.0), (0.36, 0.95), (-0.36, 0.95)], CREAM)
    brush.polygon([(0.06, 0.0), (0.26, 0.0), (0.36, 0.95), (0.1, 0.95)], mix(CREAM, DARK, 0.14))
    t = np.linspace(np.pi, 2 * np.pi, 32)
    cap = np.stack([1.0 * np.cos(t), 1.0 * np.sin(t) + 0.12], 1)
    brush.polygon(np.concatenate([cap, [(0.86, 0.26), (-0.86, 0.26)]]), brush.shade)
    brush.polygon(cap * (0.96, 0.96), brush.tone)
    dots = (250, 248, 244) if brush.thing.colour != "white" else (206, 120, 110)
    for x, y, radius in ((-0.5, -0.22, 0.17), (0.04, -0.5, 0.19), (0.52, -0.2, 0.16)):
        brush.disc(x, y, radius, dots)


def _boat(brush: Brush) -> None:
    brush.polygon([(-0.06, -1.05), (0.05, -1.05), (0.05, 0.5), (-0.06, 0.5)], BROWN)
    brush.polygon([(-0.12, -0.92), (-0.12, 0.34), (-0.86, 0.34)], brush.tone)
    brush.polygon([(0.12, -0.92), (0.86, 0.34), (0.12, 0.34)], brush.shade)
    brush.polygon([(-1.05, 0.48), (1.05, 0.48), (0.7, 0.97), (-0.7, 0.97)], BROWN)
    brush.polygon([(-1.05, 0.48), (1.05, 0.48), (0.96, 0.62), (-0.96, 0.62)], mix(BROWN, (255, 255, 255), 0.25))


def _fish(brush: Brush) -> None:
    brush.polygon([(0.5, 0.1), (1.1, -0.42), (1.0, 0.1), (1.1, 0.62)], brush.shade)
    brush.polygon([(-0.2, -0.36), (0.1, -0.82), (0.42, -0.3)], brush.shade)
    brush.ellipse(-0.2, 0.1, 0.86, 0.58, brush.tone)
    brush.ellipse(-0.2, 0.36, 0.6, 0.26, brush.light)
    brush.disc(-0.62, -0.06, 0.2, (255, 255, 255) if brush.thing.colour != "white" else (226, 230, 238))
    brush.disc(-0.65, -0.05, 0.11, DARK)


def _balloon(brush: Brush) -> None:
    t = np.linspace(0, np.pi, 24)
    top = np.stack([-0.84 * np.cos(t), -0.8 * np.sin(t) - 0.22], 1)
    body = np.concatenate([top, [(0.74, 0.12), (0.24, 0.62), (-0.24, 0.62), (-0.74, 0.12)]])
    brush.polygon(body, brush.tone)
    brush.polygon(body * (0.42, 1), brush.light)
    brush.polygon([(-0.22, 0.62), (0.22, 0.62), (0.18, 0.72), (-0.18, 0.72)], brush.shade)
    brush.polygon([(-0.24, 0.74), (0.24, 0.74), (0.19, 1.08), (-0.19, 1.08)], BROWN)


PAINTERS: dict[str, Callable[[Brush], None]] = {
    "ball": _ball,
    "star": _star,
    "heart": _heart,
    "tree": _tree,
    "house": _house,
    "flower": _flower,
    "cat": _cat,
    "car": _car,
    "mushroom": _mushroom,
    "boat": _boat,
    "fish": _fish,
    "balloon": _balloon,
}
