"""A pen for flat illustration: polygons, discs and strokes with soft edges, in widths of the picture."""

from collections.abc import Iterable

import cv2
import numpy as np

Colour = tuple[int, int, int]
Points = np.ndarray | Iterable[tuple[float, float]]

# cv2 takes coordinates with this many fractional bits; without them edges jump by whole pixels.
BITS = 4


class Pen:
    """Paints on `canvas` [size, size, 3] u8, at twice the size of the picture that `picture` gives."""

    def __init__(self, size: int = 128) -> None:
        self.size = size * 2
        self.canvas = np.zeros((self.size, self.size, 3), np.uint8)

    def polygon(self, points: Points, colour: Colour) -> None:
        """Fills a polygon [n, 2]."""
        cv2.fillPoly(self.canvas, [self._fixed(points)], colour, cv2.LINE_AA, BITS)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fills a disc."""
        self.ellipse(x, y, radius, radius, colour)

    def ellipse(self, x: float, y: float, width: float, height: float, colour: Colour, angle: float = 0) -> None:
        """Fills an ellipse with these half axes, turned by `angle` degrees."""
        (centre,), (axes,) = self._fixed([(x, y)]), self._fixed([(width, height)])
        cv2.ellipse(self.canvas, centre.tolist(), axes.tolist(), angle, 0, 360, colour, -1, cv2.LINE_AA, BITS)

    def stroke(self, points: Points, colour: Colour, width: float) -> None:
        """An open line [n, 2]."""
        cv2.polylines(self.canvas, [self._fixed(points)], False, colour, max(1, round(width * self.size)), cv2.LINE_AA, BITS)

    def darken(self, x: float, y: float, width: float, height: float, share: float = 0.25) -> None:
        """Darkens an ellipse: a shadow on the ground."""
        before = self.canvas.copy()
        self.ellipse(x, y, width, height, (20, 24, 48))
        self.canvas = cv2.addWeighted(before, 1 - share, self.canvas, share, 0)

    def sample(self, x: float, y: float) -> Colour:
        """Colour of the canvas at a point."""
        column, row = (min(self.size - 1, max(0, int(value * self.size))) for value in (x, y))
        red, green, blue = self.canvas[row, column].tolist()
        return red, green, blue

    def picture(self) -> np.ndarray:
        """The picture [size, size, 3] u8, RGB."""
        return cv2.resize(self.canvas, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def _fixed(self, points: Points) -> np.ndarray:
        pixels = np.asarray(list(points), np.float64) * self.size
        return np.round(pixels * (1 << BITS)).astype(np.int32)
