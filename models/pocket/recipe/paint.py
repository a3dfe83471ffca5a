"""Renders a scene, and the map of what is where that the text encoder and the checker learn from."""

import numpy as np

from paint_ground import paint_extra, paint_ground
from paint_thing import paint_thing
from pen import Pen
from world import COLOURS, OBJECTS, Scene


def render(scene: Scene, size: int = 128) -> np.ndarray:
    """The picture [size, size, 3] u8, RGB; the same scene gives the same bytes."""
    rng = np.random.default_rng(scene.seed)
    pen = Pen(size)
    paint_ground(pen, scene.ground, scene.time, rng)
    if scene.has_extra:
        paint_extra(pen, scene.time, {"left": 0.86, "right": 0.14}.get(scene.place, float(rng.choice((0.14, 0.86)))))
    for thing in scene.things:
        paint_thing(pen, thing)
    return pen.picture()


def label_map(scene: Scene, cells: int) -> np.ndarray:
    """[2, cells, cells] i64: object and colour per cell, counted from 1; 0 is background. Cells are within .8 radii."""
    centres = (np.arange(cells) + 0.5) / cells
    labels = np.zeros((2, cells, cells), np.int64)
    for thing in scene.things:
        inside = (centres[None] - thing.x) ** 2 + (centres[:, None] - thing.y) ** 2 < (thing.radius * 0.8) ** 2
        labels[0, inside] = OBJECTS.index(thing.kind) + 1
        labels[1, inside] = COLOURS.index(thing.colour) + 1
    return labels
