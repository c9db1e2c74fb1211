"""Encoded pictures to BGR arrays, with a sentence where something is wrong, and pictures fitted to a size."""

from __future__ import annotations

import cv2
import numpy as np

from faceedge.errors import InputError

MIN_SIDE_PX = 8
"""Smaller pictures hold nothing that any network here could find."""

# ITU-T T.81, table B.1: markers without a length field, and the two that end the search.
_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_START_OF_SCAN = 0xDA
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def check_jpeg(data: bytes, what: str = "picture") -> None:
    """Refuse a JPEG that ends too early; OpenCV would fill the missing rest with grey and say nothing.

    Args:
        data: the bytes of one JPEG.
        what: the picture's name in the message.

    Raises:
        InputError: the marker segments do not reach the scan, or no end-of-image marker follows it.
    """
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise InputError(
                f"{what}: expected a JPEG marker (0xFF) at byte {position} of {len(data)}, got "
                f"0x{data[position]:02X}; the picture is damaged and was dropped."
            )
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker == _START_OF_SCAN:
            if data.rfind(_JPEG_END, position) < 0:
                break
            return
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise InputError(
        f"{what}: truncated JPEG: {len(data)} bytes arrived and no end-of-image marker among them; the picture was "
        "dropped."
    )


def decode_picture(data: bytes, what: str = "picture") -> np.ndarray:
    """Decode a JPEG, PNG, WebP, BMP, ... as OpenCV does.

    Args:
        data: the encoded bytes.
        what: the picture's name in messages.

    Returns:
        (height, width, 3) uint8, BGR; grey pictures are repeated in three channels, alpha is left out.

    Raises:
        InputError: empty, truncated, unknown, or smaller than ``MIN_SIDE_PX`` on a side.
    """
    if not data:
        raise InputError(f"{what}: expected an encoded picture, got 0 bytes; it was dropped.")
    if data[:2] == _JPEG_START:
        check_jpeg(data, what)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise InputError(f"{what}: the decoder refused {len(data)} bytes ({error.err}); it was dropped.") from error
    if image is None:
        raise InputError(
            f"{what}: expected a JPEG, PNG, WebP, BMP or TIFF picture, got {len(data)} bytes that start with "
            f"{data[:4].hex(' ')}; it was dropped."
        )
    check_size(image, what)
    return np.asarray(image, np.uint8)


def check_size(image: np.ndarray, what: str = "picture") -> None:
    """Refuse a picture without a useful size; raises InputError."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(
            f"{what}: expected an array (height, width, 3) of uint8, got {image.shape} of {image.dtype}; dropped."
        )
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(
            f"{what}: expected at least {MIN_SIDE_PX}x{MIN_SIDE_PX} pixels, got {width}x{height}; it was dropped."
        )


def fit(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale ``image`` into width x height without distortion, with black borders where the shapes differ.

    Args:
        image: (h, w, 3) uint8.

    Returns:
        (height, width, 3) uint8; ``image`` itself when it has that size already.
    """
    own_height, own_width = image.shape[:2]
    if (own_width, own_height) == (width, height):
        return image
    scale = min(width / own_width, height / own_height)
    inner = max(1, round(own_width * scale)), max(1, round(own_height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, inner, interpolation=method)
    if inner == (width, height):
        return np.asarray(scaled, np.uint8)
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = scaled
    return canvas
