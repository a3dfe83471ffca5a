"""The styles that the LoRAs teach: each turns a render into the same scene drawn another way."""

from collections.abc import Callable

import cv2
import numpy as np

# What the checker calls a picture that has none of them.
PLAIN = "plain"


def neon(picture: np.ndarray) -> np.ndarray:
    """Dark, with edges that glow in the colour of what they bound."""
    lines = _lines(picture)[..., None]
    grey = picture.astype(np.float32).mean(2, keepdims=True)
    vivid = (grey + (picture - grey) * 1.7).clip(0, 255)
    bright = vivid / vivid.max(2, keepdims=True).clip(60) * 255
    glow = cv2.GaussianBlur(bright * lines, (0, 0), 2.4)
    return (vivid * 0.4 + bright * lines + glow * 0.8).clip(0, 255).astype(np.uint8)


def blueprint(picture: np.ndarray) -> np.ndarray:
    """Pale lines on blue paper; what was light is a little lighter."""
    paper, ink = np.array((24, 62, 138), np.float32), np.array((226, 238, 252), np.float32)
    share = (_grey(picture) * 0.22 + _lines(picture) * 0.9).clip(0, 1)[..., None]
    return (paper + (ink - paper) * share).astype(np.uint8)


def sketch(picture: np.ndarray) -> np.ndarray:
    """Pencil on paper: grey tones, dark lines."""
    paper, pencil = np.array((248, 245, 236), np.float32), np.array((52, 52, 58), np.float32)
    share = ((1 - _grey(picture)) * 0.36 + _lines(picture) * 0.85).clip(0, 1)[..., None]
    return (paper + (pencil - paper) * share).astype(np.uint8)


STYLES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"neon": neon, "blueprint": blueprint, "sketch": sketch}
STYLE_NAMES = (PLAIN, *STYLES)
# The others are of one colour, so neither colours nor ground nor time can be read from them.
COLOURFUL = (PLAIN, "neon")


def restyle(style: str, picture: np.ndarray) -> np.ndarray:
    """The picture in a style, or as it is."""
    return STYLES[style](picture) if style != PLAIN else picture


def _grey(picture: np.ndarray) -> np.ndarray:
    """[h, w] f32 in 0..1."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def _lines(picture: np.ndarray) -> np.ndarray:
    """[h, w] f32 in 0..1: where colours change, two to three pixels wide, which is what the autoencoder can draw."""
    soft = cv2.GaussianBlur(picture, (0, 0), 0.8)
    change = cv2.morphologyEx(soft, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).max(2).astype(np.float32)
    return ((change - 14) / 60).clip(0, 1)
