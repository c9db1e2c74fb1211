"""A video file that behaves as a live camera."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from faceedge.camera.frame import Frame
from faceedge.camera.pictures import check_size, fit
from faceedge.camera.source_base import Source, SourceSettings
from faceedge.camera.source_timing import Pacer
from faceedge.errors import InputError

DEFAULT_RATE_HZ = 30.0
HIGHEST_CREDIBLE_RATE_HZ = 240.0
"""Some containers announce their time base (1000, 90000) instead of a rate."""

_QUIET = "8"  # AV_LOG_FATAL: FFmpeg's own lines would stand beside our sentence


class VideoSource(Source):
    """Plays a file at its own rate or at ``rate_hz``; stamps are evenly spaced from the moment of the first picture.

    The next picture is decoded before it is due, so that its stamp is close to the moment at which it is delivered. A
    reader that falls behind misses pictures, counted in ``dropped``, as it would with a camera.
    """

    def __init__(self, settings: SourceSettings, pacer: Pacer | None = None) -> None:
        super().__init__(settings)
        self._given_pacer = pacer
        self._capture: cv2.VideoCapture | None = None
        self._next: np.ndarray | None = None
        self._read_any = False

    def open(self) -> None:
        """See `Source.open`."""
        path = Path(self.settings.path).expanduser()
        if not path.is_file():
            raise InputError(f"no video file at {path}; give the path of an existing file.")
        if path.stat().st_size == 0:
            raise InputError(f"the video file {path} is empty (0 bytes).")
        self.close()
        self.finished = False
        self._start(path)
        assert self._capture is not None
        file_rate = self._capture.get(cv2.CAP_PROP_FPS)
        credible = 0.0 < file_rate <= HIGHEST_CREDIBLE_RATE_HZ  # NaN is not
        self.rate_hz = self.settings.rate_hz or (file_rate if credible else DEFAULT_RATE_HZ)
        self._next = self._decode()
        if self._next is None:
            self.close()
            raise InputError(f"{path} opens as a video but holds no picture that can be decoded.")
        if not self.settings.width:
            self.height, self.width = self._next.shape[:2]
        self._pacer = self._given_pacer or Pacer(self.rate_hz, epoch_ns=self.settings.epoch_ns)
        self._begin_further_on()
        self.description = f"video file {path.name}"

    def _start(self, path: Path) -> None:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _QUIET)
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            capture.release()
            raise InputError(f"{path} is not a video file that OpenCV can open (MP4, MKV, WebM, AVI and GIF are).")
        self._capture = capture
        self._read_any = False

    def _begin_further_on(self) -> None:
        """Pictures that were due before anybody looked are not lost: nobody counts those of a camera that is off."""
        assert self._capture is not None
        late, count = self._pacer.behind(), int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        rounds = late // count * count if self.settings.loop and count > 0 else 0
        self._pacer.skip(rounds)
        self._leave_out(late - rounds)

    def _leave_out(self, pictures: int) -> int:
        """Go on by so many pictures, or to the file's end; how many it were."""
        assert self._capture is not None
        for done in range(pictures):
            # Decoding is what a late reader has no time for; grab() alone still advances the file.
            if self._next is not None:
                self._next = None
            elif not self._capture.grab():
                return done
            self._pacer.skip(1)
        return pictures

    def _decode(self) -> np.ndarray | None:
        """The next picture of the file, from the start again with ``loop``, or None at the end."""
        assert self._capture is not None
        good, image = self._capture.read()
        if not good and self.settings.loop and self._read_any:
            # Reopening works for every container; seeking to 0 does not (GIF, MKV without an index).
            self._capture.release()
            self._start(Path(self.settings.path).expanduser())
            good, image = self._capture.read()
        if not good or image is None:
            return None
        self._read_any = True
        picture = np.asarray(image, np.uint8)
        if picture.ndim == 2:
            picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False)
        check_size(picture, f"{self.settings.path}")
        return picture

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """See `Source.read`."""
        if self._capture is None:
            raise InputError(f"the video source {self.settings.path} was read before it was opened.")
        if self.finished:
            return None
        self.dropped += self._leave_out(self._pacer.behind())
        if self._next is None:
            self._next = self._decode()
            if self._next is None:
                self.finished = True
                return None
        sequence = self._pacer.index
        stamp_ns = self._pacer.wait(timeout_s)
        if stamp_ns is None:
            return None
        image = fit(self._next, self.width, self.height)
        self._next = None
        return Frame(image, stamp_ns, sequence, self.settings.frame_id)

    def close(self) -> None:
        """See `Source.close`."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
        self._next = None
