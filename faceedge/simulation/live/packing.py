"""Raw radar frames in few bytes, exactly: what a demonstration ships.

From chirp to chirp of a frame, and from frame to frame, most of what a radar's ADC reads stays the same: leakage,
offset and still echoes. What is left of a difference is mostly noise of a few counts. Differences are folded to small
numbers without a sign, and their lower and upper bytes compressed apart.
"""

from __future__ import annotations

import json
import lzma

import numpy as np

from faceedge.errors import InputError

MAGIC = b"faceedge radar 1\n"
MOST_BYTES = 1 << 32
"""Of unpacked frames: a damaged head must not fill the memory."""


def pack(cubes: np.ndarray) -> bytes:
    """(frame, rx, chirp, sample) uint16 as bytes, which `unpack` turns into the same numbers."""
    rows = np.ascontiguousarray(cubes.transpose(1, 0, 2, 3)).reshape(cubes.shape[1], -1, cubes.shape[3])
    steps: np.ndarray = np.diff(rows.view(np.int16), axis=1, prepend=np.int16(0))
    folded = ((steps << 1) ^ (steps >> 15)).view(np.uint16)
    planes = b"".join(plane.astype(np.uint8).tobytes() for plane in (folded & 0xFF, folded >> 8))
    return MAGIC + json.dumps(cubes.shape).encode() + b"\n" + lzma.compress(planes, preset=6)


def unpack(data: bytes, name: str) -> np.ndarray:
    """(frame, rx, chirp, sample) uint16.

    Args:
        data: of `pack`.
        name: of the file, for errors.

    Raises:
        InputError: it is damaged, or something else.
    """
    head, _, body = data.removeprefix(MAGIC).partition(b"\n")
    if not data.startswith(MAGIC):
        raise InputError(f"{name} holds no packed radar frames: its first bytes are {data[: len(MAGIC)]!r}.")
    try:
        frames, rx, chirps, samples = (int(extent) for extent in json.loads(head))
        count = frames * rx * chirps * samples
        if min(frames, rx, chirps, samples) < 1 or 2 * count > MOST_BYTES:
            raise ValueError(f"a shape of {frames} x {rx} x {chirps} x {samples}")
        decoder = lzma.LZMADecompressor()
        planes = np.frombuffer(decoder.decompress(body, max_length=2 * count + 1), np.uint8)
        folded = planes[:count] | planes[count:].astype(np.uint16) << 8
        if not decoder.eof:
            raise ValueError("the file is cut off")
    except (ValueError, TypeError, EOFError, lzma.LZMAError) as error:
        raise InputError(f"the packed radar frames {name} are damaged: {error}; get the file anew.") from error
    steps = (folded >> 1 ^ -(folded & 1)).view(np.int16).reshape(rx, frames * chirps, samples)
    rows = np.cumsum(steps, axis=1, dtype=np.int16).view(np.uint16)
    return np.ascontiguousarray(rows.reshape(rx, frames, chirps, samples).transpose(1, 0, 2, 3))
