"""A folder of pictures, or one picture, played in natural order as a live camera."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from faceedge.camera.frame import Frame
from faceedge.camera.pictures import decode_picture, fit
from faceedge.camera.source_base import Source, SourceSettings
from faceedge.camera.source_timing import Pacer
from faceedge.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".pgm", ".ppm")
DEFAULT_RATE_HZ = 10.0


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``frame2`` before ``frame10``."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in re.split(r"(\d+)", name) if part
    )


def list_pictures(path: Path) -> list[Path]:
    """The pictures of a folder in natural order, or the one file that ``path`` is.

    Raises:
        InputError: nothing there, or a folder without pictures.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"no folder or picture at {path}; give the path of an existing one.")
    files = sorted(
        (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file()),
        key=lambda file: natural_key(file.name),
    )
    if not files:
        raise InputError(f"the folder {path} holds no picture; expected files that end in {', '.join(SUFFIXES)}.")
    return files


class ImagesSource(Source):
    """Pictures at ``rate_hz``; all are delivered in one size, by default that of the first good one."""

    def __init__(self, settings: SourceSettings, pacer: Pacer | None = None) -> None:
        super().__init__(settings)
        self._given_pacer = pacer
        self._files: list[Path] = []
        self._at = 0
        self._good_in_round = 0
        self._next: np.ndarray | None = None

    def open(self) -> None:
        """See `Source.open`."""
        path = Path(self.settings.path).expanduser()
        self._files = list_pictures(path)
        self._at = self._good_in_round = 0
        self._next = None
        self.finished = False
        self.rate_hz = self.settings.rate_hz or DEFAULT_RATE_HZ
        if not self.settings.width:
            self.height, self.width = self._first_good().shape[:2]
        self._pacer = self._given_pacer or Pacer(self.rate_hz)
        self.description = f"{len(self._files)} picture{'s' if len(self._files) > 1 else ''} in {path.name}"

    def _first_good(self) -> np.ndarray:
        sentence = ""
        for file in self._files:
            try:
                return self._decode(file)
            except InputError as error:
                sentence = sentence or str(error)
        raise InputError(f"none of the {len(self._files)} pictures in {self.settings.path} is usable. {sentence}")

    @staticmethod
    def _decode(file: Path) -> np.ndarray:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror}); it was dropped.") from error
        return decode_picture(data, str(file))

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """See `Source.read`."""
        if not self._files:
            raise InputError(f"the picture source {self.settings.path} was read before it was opened.")
        late = self._pacer.behind()
        if late and len(self._files) > 1:
            skipped = late if self.settings.loop else min(late, len(self._files) - 1 - self._at)
            if skipped > 0:
                self._pacer.skip(skipped)
                self.dropped += skipped
                self._at = (self._at + skipped) % len(self._files)
                self._next = None
        if self._next is None:
            if self._at >= len(self._files) or self.finished:
                # With nothing but damaged files, looping would only repeat the complaints at full speed.
                if not self.settings.loop or self._good_in_round == 0:
                    self.finished = True
                    return None
                self._at = self._good_in_round = 0
            file = self._files[self._at]
            self._at += 1
            try:
                self._next = fit(self._decode(file), self.width, self.height)
            except InputError:
                self.rejected += 1
                raise
            self._good_in_round += 1
        sequence = self._pacer.index
        stamp_ns = self._pacer.wait(timeout_s)
        if stamp_ns is None:
            return None
        image, self._next = self._next, None
        return Frame(image, stamp_ns, sequence, self.settings.frame_id)

    def close(self) -> None:
        """See `Source.close`."""
        self._files = []
        self._next = None
