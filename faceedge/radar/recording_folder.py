"""The vendor's recording folder as it lies on disk, every part of it checked.

A folder holds ``config.json`` (the chirp, `fmcw_single_shape`), ``radar.npy`` ((frame, rx, chirp, sample) uint16),
``radar_timestamp.csv`` (Unix seconds, one line a frame), ``temperature.npy`` ((reading, 1) float32, about one a second)
and ``meta.json``. Only the first two are needed. Some tools put them one level deeper, into ``RadarIfxAvian_00``.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceedge.errors import ConfigurationError, InputError, one_line
from faceedge.radar import infineon_json
from faceedge.radar.chirp import ChirpSettings

CONFIG, CUBES, STAMPS, TEMPERATURE, META = (
    "config.json",
    "radar.npy",
    "radar_timestamp.csv",
    "temperature.npy",
    "meta.json",
)
ADC_BITS = 12
HIGHEST_COUNT = (1 << ADC_BITS) - 1

_STAMP = re.compile(r"\s*(\d{1,10})(?:\.(\d{1,9})\d*)?\s*")
_LONGEST_CONFIG_BYTES = 1 << 20
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording folder, opened.

    Attributes:
        folder: that holds the files.
        chirp: what the radar transmitted.
        cubes: (frame, rx, chirp, sample) uint16, memory-mapped and read-only; use ``cube()`` for checked frames.
        stamps_ns: (frame,) int64, Unix time; multiples of the frame period from 0 where the folder has none.
        stamped: the folder has stamps.
        temperature_c: (reading,) float32, spread evenly over the recording; may be empty.
        meta: of ``meta.json``.
        notes: what is missing or odd, one sentence each.
    """

    folder: Path
    chirp: ChirpSettings
    cubes: np.ndarray
    stamps_ns: np.ndarray
    stamped: bool
    temperature_c: np.ndarray
    meta: dict[str, Any]
    notes: tuple[str, ...]

    def cube(self, index: int) -> np.ndarray:
        """Frame ``index``, (rx, chirp, sample) uint16 without a copy.

        Raises:
            InputError: it has values that 12 bits cannot have.
        """
        cube = np.ascontiguousarray(self.cubes[index])
        highest = int(cube.max())
        if highest > HIGHEST_COUNT:
            raise InputError(
                f"frame {index}: {CUBES} has the value {highest}, a {ADC_BITS}-bit ADC gives 0 to {HIGHEST_COUNT}; "
                "the frame is damaged or not raw data."
            )
        return cube

    def temperature_of(self, index: int) -> float:
        """Temperature in degrees Celsius near frame ``index``; NaN: unknown."""
        count = len(self.temperature_c)
        return float(self.temperature_c[min(index * count // len(self.cubes), count - 1)]) if count else math.nan


def is_recording(path: Path) -> bool:
    """Whether ``path`` looks like a recording folder, flat or nested."""
    return (path / CUBES).is_file() or any(path.glob(f"*/{CUBES}"))


def find_folder(path: Path) -> Path:
    """The folder that holds the files: ``path``, the only folder in it that has a ``radar.npy``, or a file's own.

    Raises:
        InputError: there is none, or more than one.
    """
    if path.name in (CUBES, CONFIG) and path.is_file():
        return path.parent
    if not path.is_dir():
        raise InputError(f"no recording folder at {path}; give the folder that holds {CUBES} and {CONFIG}.")
    if (path / CUBES).is_file():
        return path
    inner = sorted(found.parent for found in path.glob(f"*/{CUBES}"))
    if not inner:
        raise InputError(f"{path} holds no {CUBES}, and no folder in it does; it is no recording of a BGT60TR13C.")
    if len(inner) > 1:
        names = ", ".join(folder.name for folder in inner)
        raise InputError(f"{path} holds {len(inner)} recordings ({names}); give the path of one of them.")
    return inner[0]


def read_chirp(folder: Path) -> ChirpSettings:
    """The chirp settings of a recording folder.

    Raises:
        InputError: ``config.json`` is missing, empty, or no chirp settings.
    """
    path = folder / CONFIG
    try:
        if path.stat().st_size > _LONGEST_CONFIG_BYTES:
            raise InputError(f"{path} has {path.stat().st_size} bytes, which no chirp settings need.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text file"
        raise InputError(f"{path} cannot be read: {reason}; without it the frames have no scale.") from error
    if not text.strip():
        raise InputError(f"{path} is empty; without chirp settings the frames have no scale.")
    try:
        return infineon_json.read(text)
    except ConfigurationError as error:
        raise InputError(f"{path}: {error}") from error


def open_recording(path: Path | str) -> Recording:
    """Open a recording folder; frames stay on disk until they are used.

    Raises:
        InputError: a needed file is missing, truncated, or not of the expected type or shape.
    """
    folder = find_folder(Path(path).expanduser())
    chirp = read_chirp(folder)
    notes: list[str] = []
    cubes = _map_cubes(folder / CUBES, chirp, notes)
    stamps_ns = _read_stamps(folder / STAMPS, len(cubes), notes)
    stamped = stamps_ns is not None
    if stamps_ns is None:
        stamps_ns = np.rint(np.arange(len(cubes)) * (chirp.frame_period_s * 1e9)).astype(np.int64)
    temperature_c = _read_temperature(folder / TEMPERATURE, notes)
    return Recording(folder, chirp, cubes, stamps_ns, stamped, temperature_c, _read_meta(folder, notes), tuple(notes))


def map_npy(path: Path, expected: str) -> tuple[np.memmap[Any, Any], int]:
    """Map a ``.npy`` file, never as a pickle; the array and how many bytes lie behind it.

    Raises:
        InputError: not a whole ``.npy`` file; ``expected`` says in words what it should hold.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise InputError(f"{path} is empty (0 bytes), expected {expected}.")
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version not in _HEADERS:
                raise InputError(f"{path} is of .npy version {version[0]}.{version[1]}, expected 1.0 or 2.0.")
            shape, by_column, dtype = _HEADERS[version](file)
            offset = file.tell()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # a damaged header makes numpy raise errors of many types
        raise InputError(f"{path} is no .npy file ({one_line(error)}), expected {expected}.") from error
    if dtype.hasobject:
        raise InputError(f"{path} holds Python objects, which are never loaded; expected {expected}.")
    if any(extent < 0 for extent in shape):
        raise InputError(f"{path} announces the impossible shape {shape}; expected {expected}.")
    needed = math.prod(shape) * dtype.itemsize
    if needed == 0:
        raise InputError(f"{path} announces the shape {shape}, which is empty; expected {expected}.")
    if size - offset < needed:
        whole = (size - offset) // (needed // shape[0]) if shape else 0
        raise InputError(
            f"{path} is truncated: its header announces {shape[0] if shape else 1} entries of {shape[1:]} {dtype} "
            f"({needed} bytes), {size - offset} bytes are there, enough for {whole}; copy it again from where it was "
            "recorded."
        )
    order: Any = "F" if by_column else "C"
    return np.memmap(path, dtype, "r", offset, shape, order), size - offset - needed


def _map_cubes(path: Path, chirp: ChirpSettings, notes: list[str]) -> np.ndarray:
    rx, chirps, samples = chirp.cube_shape
    expected = f"(frame, {rx}, {chirps}, {samples}) uint16 as {CONFIG} says"
    cubes, behind = map_npy(path, expected)
    if cubes.dtype != np.uint16 or not cubes.dtype.isnative:
        raise InputError(f"{path} holds {cubes.dtype.str}, expected {expected}.")
    if cubes.ndim != 4 or cubes.shape[1:] != chirp.cube_shape:
        raise InputError(f"{path} has the shape {cubes.shape}, expected {expected}.")
    if behind:
        notes.append(f"{CUBES} has {behind} bytes after its last whole frame, which are ignored.")
    return cubes


def _read_stamps(path: Path, frames: int, notes: list[str]) -> np.ndarray | None:
    """(frame,) int64 ns, or None with a note where they are missing or not one for each frame."""
    text = _optional_text(path, "stamps are counted from the frame period", notes)
    if text is None:
        return None
    stamps = []
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > frames:  # a recording that was cut off, perhaps in the middle of the last line
        notes.append(f"{STAMPS} has {len(lines)} lines for {frames} frames; only the first {frames} are used.")
    for number, line in lines[:frames]:
        found = _STAMP.fullmatch(line)
        if found is None:
            raise InputError(f"{path}: line {number} is {line[:40]!r}, expected Unix seconds such as 1653497563.3467.")
        stamps.append(int(found[1]) * 1_000_000_000 + int((found[2] or "").ljust(9, "0")))
    if len(stamps) < frames:
        notes.append(f"{STAMPS} has {len(stamps)} lines for {frames} frames; stamps are counted from the frame period.")
        return None
    result = np.array(stamps, np.int64)
    backwards = int(np.count_nonzero(np.diff(result) <= 0))
    if backwards:
        notes.append(f"{STAMPS} does not ascend at {backwards} of {frames} lines.")
    return result


def _read_temperature(path: Path, notes: list[str]) -> np.ndarray:
    """(reading,) float32; empty where there is none."""
    nothing = np.zeros(0, np.float32)
    if not path.is_file():
        return nothing
    if path.stat().st_size == 0:
        notes.append(f"{path.name} is empty (0 bytes); the temperature is unknown.")
        return nothing
    values, _ = map_npy(path, "(reading, 1) float32")
    if values.dtype.kind != "f" or values.size != values.shape[0]:
        raise InputError(f"{path} holds {values.shape} {values.dtype}, expected (reading, 1) float32.")
    return np.array(values, np.float32).reshape(-1)


def _read_meta(folder: Path, notes: list[str]) -> dict[str, Any]:
    """What ``meta.json`` says, of this folder and of the one above where the recording is nested."""
    result: dict[str, Any] = {}
    above = [folder.parent / META] if not (folder.parent / CUBES).exists() and folder.name.startswith("Radar") else []
    for path in (*above, folder / META):
        if not path.is_file():
            continue
        text = _optional_text(path, "what was noted of the device is unknown", notes)
        if text is None:
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            notes.append(f"{path.name} is no JSON ({one_line(error)}) and is ignored.")
            continue
        if isinstance(value, dict):
            result |= value
    return result


def _optional_text(path: Path, consequence: str, notes: list[str]) -> str | None:
    """Text of a file that may be absent or empty, which is noted."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        notes.append(f"{path.name} is missing; {consequence}.")
        return None
    except (OSError, UnicodeDecodeError) as error:
        notes.append(f"{path.name} cannot be read ({one_line(error)}); {consequence}.")
        return None
    if not text.strip():
        notes.append(f"{path.name} is empty; {consequence}.")
        return None
    return text
