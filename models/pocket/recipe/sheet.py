"""Contact sheets: many pictures in one file, to look at."""

import math
from pathlib import Path

import cv2
import numpy as np


def write_sheet(path: Path, pictures: list[np.ndarray], columns: int = 8, gap: int = 4) -> None:
    """Writes pictures [h, w, 3] u8, row by row, as one PNG."""
    height, width = pictures[0].shape[:2]
    rows = math.ceil(len(pictures) / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        row, column = gap + index // columns * (height + gap), gap + index % columns * (width + gap)
        sheet[row : row + height, column : column + width] = picture
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
