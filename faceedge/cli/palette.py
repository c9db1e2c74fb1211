"""One colour per expression, the same in the terminal, the video and the page.

The eight are told apart with the common colour-vision deficiencies as well, because the word always stands beside them.
"""

from __future__ import annotations

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""

EXPRESSION_COLOURS: dict[str, Colour] = {
    "happy": (245, 176, 30),
    "surprised": (233, 96, 170),
    "neutral": (120, 170, 185),
    "sad": (84, 133, 240),
    "angry": (226, 77, 66),
    "disgusted": (104, 176, 78),
    "scared": (160, 112, 228),
    "": (150, 150, 150),
}
FACE_COLOUR: Colour = (64, 200, 170)
"""Of a face whose expression is not estimated."""
ACCENT = "#40c8aa"
"""Of titles, names of topics and progress in the terminal."""
UNDECIDED = "undecided"


def colour_of(word: str | None) -> Colour:
    """Colour of an expression's word; None where none was estimated, empty where the model was undecided."""
    return FACE_COLOUR if word is None else EXPRESSION_COLOURS.get(word, EXPRESSION_COLOURS[""])


def label_of(word: str | None) -> str:
    """What is written for an expression's word."""
    return "face" if word is None else word or UNDECIDED


def hex_of(colour: Colour) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
