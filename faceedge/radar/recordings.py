"""Recordings in the vendor's folder: played as a live radar, and written while frames come."""

from __future__ import annotations

import errno
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.radar import infineon_json
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame
from faceedge.radar.gaps import sequences
from faceedge.radar.recording_folder import (
    ADC_BITS,
    CONFIG,
    CUBES,
    HIGHEST_COUNT,
    META,
    STAMPS,
    TEMPERATURE,
    Recording,
    find_folder,
    open_recording,
    read_chirp,
)
from faceedge.radar.source_base import RadarSource

__all__ = ["Recording", "RecordingSource", "VendorWriter", "open_recording"]

LONGEST_GAP_FRAMES = 20
"""A recording that stood still for longer than this is played with a gap of so many frames."""


class RecordingSource(RadarSource):
    """Plays a recording folder as a live radar, at the pace at which it was recorded.

    Stamps count frame periods from the moment of the first frame: the recorded ones carry the delays of USB. Where the
    recorded ones have a gap, ``sequence`` and stamps have it, too, and the missing frames count as dropped. A reader
    that falls behind misses frames, counted in ``dropped``, as it would with a radar.

    Args:
        path: of the folder.
        loop: begin again at the end. The seam looks like one missing frame, so that nothing is computed across it.
        paced: in real time; otherwise each ``read()`` gives the next frame at once.
        now_ns, sleep, system_ns: clocks, replaceable in tests.

    Raises:
        InputError: no recording folder, or one without chirp settings.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        loop: bool = False,
        paced: bool = True,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
        system_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._folder = find_folder(Path(path).expanduser())
        super().__init__(read_chirp(self._folder), f"recording {_short_name(self._folder)}")
        self._loop, self._paced = loop, paced
        self._now_ns, self._sleep, self._system_ns = now_ns, sleep, system_ns
        self._recording: Recording | None = None

    def open(self) -> None:
        """See `RadarSource.open`."""
        self._recording = open_recording(self._folder)
        self.chirp = self._recording.chirp
        period_s = self.chirp.frame_period_s
        steps = np.diff(sequences(self._recording.stamps_ns, period_s), prepend=-1)
        self._steps = np.minimum(steps, LONGEST_GAP_FRAMES).tolist()
        self._period_ns = period_s * 1e9
        self._index = 0
        self._sequence = 0
        self._start_ns: int | None = None
        self.finished = False

    def read(self, timeout_s: float = 1.0) -> RadarFrame | None:
        """See `RadarSource.read`."""
        if self._recording is None:
            raise InputError(f"the recording {self._folder} was read before it was opened.")
        if self._start_ns is None:
            self._start_ns, self._start_system_ns = self._now_ns(), self._system_ns()
        if self._paced:
            while not self.finished and self._behind_ns() > self._period_ns:
                self.dropped += 1
                self._advance()
            if not self.finished and not self._wait(timeout_s):
                return None
        if self.finished:
            return None
        recording, index, sequence = self._recording, self._index, self._sequence
        self._advance()
        try:
            cube = recording.cube(index)
        except InputError:
            self.rejected += 1
            raise
        self.temperature_c = recording.temperature_of(index)
        stamp_ns = self._start_system_ns + round(sequence * self._period_ns)
        return RadarFrame(stamp_ns, sequence, cube, temperature_c=self.temperature_c)

    def _behind_ns(self) -> float:
        assert self._start_ns is not None
        return self._now_ns() - self._start_ns - self._sequence * self._period_ns

    def _wait(self, timeout_s: float) -> bool:
        """Wait until the next frame is due; False when that takes longer than ``timeout_s``."""
        remaining_s = -self._behind_ns() / 1e9
        if remaining_s > timeout_s:
            self._sleep(max(0.0, timeout_s))
            return False
        if remaining_s > 0:
            self._sleep(remaining_s)
        return True

    def _advance(self) -> None:
        self._index += 1
        if self._index < len(self._steps):
            self._sequence += self._steps[self._index]
            self.dropped += self._steps[self._index] - 1
        elif self._loop:
            self._index = 0
            self._sequence += 2
        else:
            self.finished = True

    def close(self) -> None:
        """See `RadarSource.close`."""
        self._recording = None


def _short_name(folder: Path) -> str:
    """Name of the recording, which a nested folder has from the one above it."""
    return folder.parent.name if folder.name.startswith("RadarIfx") else folder.name


PARTIAL_SUFFIX = ".partial"
_HEADER_BYTES = 128
"""Of a .npy header that is rewritten in place: the number of entries may grow, the header not."""
_TEMPERATURE_PERIOD_NS = 1_000_000_000


class NpyAppender:
    """A ``.npy`` file that is whole after each ``append``: data go first, then the header that announces them.

    Args:
        path: of a file that does not exist.
        shape: of one entry.
        dtype: of its values.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self._file: IO[bytes] = path.open("xb", buffering=0)
        self._shape, self._dtype = shape, np.dtype(dtype)
        self.entries = 0
        self._announce()
        self._file.seek(_HEADER_BYTES)

    def _announce(self) -> None:
        text = repr({"descr": self._dtype.str, "fortran_order": False, "shape": (self.entries, *self._shape)})
        body = text.encode().ljust(_HEADER_BYTES - 11) + b"\n"
        self._file.seek(0)
        self._file.write(b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body)

    def append(self, entry: np.ndarray) -> None:
        """Add one entry of the announced shape and type."""
        data = np.ascontiguousarray(entry, self._dtype).tobytes()
        self._file.seek(_HEADER_BYTES + self.entries * len(data))
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, "no space left on device")
        self.entries += 1
        self._announce()

    def close(self) -> None:
        """Finish; may be called twice."""
        self._file.close()


class VendorWriter:
    """Writes a recording folder while frames come; a context manager.

    Everything lies in ``<folder>.partial`` until ``close()`` gives it its name, so a folder with the final name is
    always whole. What was appended stays readable there even if the process is killed.

    Args:
        folder: of the recording; must not exist.
        chirp: of all frames.
        meta: for ``meta.json``.

    Raises:
        ConfigurationError: the folder exists, or cannot be made, or the settings have no form in the vendor's file.
    """

    def __init__(self, folder: Path | str, chirp: ChirpSettings, meta: dict[str, Any] | None = None) -> None:
        self.folder = Path(folder).expanduser()
        self._partial = self.folder.with_name(self.folder.name + PARTIAL_SUFFIX)
        self._shape = chirp.cube_shape
        self._next_temperature_ns = 0
        self._closed = False
        for path in (self.folder, self._partial):
            if path.exists():
                raise ConfigurationError(f"the recording {path} exists already; give another name or remove it.")
        if chirp.device != "bgt60tr13c":
            raise ConfigurationError(
                f"the vendor's recording folder holds raw frames of a BGT60TR13C, these are of an {chirp.device}; "
                "record a bag instead."
            )
        text = infineon_json.write(chirp)
        try:
            self._partial.mkdir(parents=True)
            (self._partial / CONFIG).write_text(text, encoding="utf-8")
            facts = {"description": "BGT60TR13C FMCW Radar Sensor", "adc_resolution": ADC_BITS, **(meta or {})}
            (self._partial / META).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            self._cubes = NpyAppender(self._partial / CUBES, self._shape, "<u2")
            self._stamps: IO[bytes] = (self._partial / STAMPS).open("xb", buffering=0)
        except OSError as error:
            raise ConfigurationError(f"the recording {self.folder} cannot be made: {error.strerror}.") from error
        self._temperature: NpyAppender | None = None

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return self._cubes.entries

    def append(self, cube: np.ndarray, stamp_ns: int, temperature_c: float = math.nan) -> None:
        """Add one frame.

        Args:
            cube: (rx, chirp, sample) uint16, 12-bit counts.
            stamp_ns: of its first chirp, Unix time.
            temperature_c: kept once a second, as the vendor's tool does; NaN: unknown.

        Raises:
            InputError: the cube is not of this chirp.
            DeviceError: the disk is full or gone; what was written stays readable.
        """
        if cube.shape != self._shape or cube.dtype != np.uint16:
            raise InputError(
                f"frame {self.frames} is {cube.shape} {cube.dtype}, expected {self._shape} uint16; it was not recorded."
            )
        highest = int(cube.max())
        if highest > HIGHEST_COUNT:
            raise InputError(
                f"frame {self.frames} has the value {highest}, a {ADC_BITS}-bit ADC gives 0 to {HIGHEST_COUNT}; it was "
                "not recorded."
            )
        try:
            self._stamps.write(f"{stamp_ns // 1_000_000_000}.{stamp_ns % 1_000_000_000:09d}\n".encode())
            self._cubes.append(cube)
            if not math.isnan(temperature_c) and stamp_ns >= self._next_temperature_ns:
                self._next_temperature_ns = stamp_ns + _TEMPERATURE_PERIOD_NS
                if self._temperature is None:
                    self._temperature = NpyAppender(self._partial / TEMPERATURE, (1,), "<f4")
                self._temperature.append(np.array([temperature_c], np.float32))
        except OSError as error:
            raise DeviceError(
                f"the recording {self._partial} cannot be continued after {self.frames} frames: {error.strerror}."
            ) from error

    def close(self) -> None:
        """Give the folder its name; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self._cubes.close()
        self._stamps.close()
        if self._temperature is not None:
            self._temperature.close()
        self._partial.rename(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
