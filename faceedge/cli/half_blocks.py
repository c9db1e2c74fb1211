"""Pictures in a terminal: each character cell shows two pixels, one above the other.

A terminal that says it has 24-bit colour gets colours as they are; for others rich takes the nearest of 256 or 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

HALF_BLOCK = "▀"


@lru_cache(maxsize=8192)
def style(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Style:
    """Of a cell whose upper pixel is ``top`` and whose lower one is ``bottom``, each red, green, blue."""
    return Style(color=Color.from_rgb(*top), bgcolor=Color.from_rgb(*bottom))


def lines_of(picture: np.ndarray) -> Iterator[list[Segment]]:
    """Lines of text for ``picture``, (rows, columns, 3) uint8 BGR with an even number of rows."""
    # Fewer distinct colours make longer runs of one colour, and less to send.
    pixels = ((picture & 0xF8) | (picture >> 5))[..., ::-1].tolist()
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        cells = [(tuple(a), tuple(b)) for a, b in zip(upper, lower, strict=True)]
        start, line = 0, []
        for k in range(1, len(cells) + 1):
            if k == len(cells) or cells[k] != cells[start]:
                line.append(Segment(HALF_BLOCK * (k - start), style(*cells[start])))  # type: ignore[arg-type]
                start = k
        yield line
