"""From frames to images: what to compute for whom, and when to start anew.

Each image is computed only when it is asked for. Micro range-Doppler looks at the last frames together, which must
follow each other without a gap; after a gap, or a frame for which nobody asked, it collects frames anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame
from faceedge.radar.range_doppler import MicroRangeDoppler, RangeDoppler


@dataclass(frozen=True, slots=True)
class Processing:
    """How images are computed.

    Attributes:
        window: over samples and chirps; a name of ``windows.COEFFICIENTS``.
        mti: remove what stands still before the Doppler transform.
    """

    window: str = "hann"
    mti: bool = True


class Imager:
    """Images of frames that come one after another, all with the same chirp settings.

    Arrays that it returns are valid until the next frame.

    Args:
        chirp: of the frames.
        processing: how.

    Attributes:
        problem: why there are images missing, as a sentence, or an empty text. A radar that computes by itself may have
            settings whose raw samples could not be processed here, which only matters once such samples come.
    """

    def __init__(self, chirp: ChirpSettings, processing: Processing) -> None:
        self.chirp = chirp
        self.problem = ""
        self._processing = processing
        self._range_doppler: RangeDoppler | None = None
        self._micro: MicroRangeDoppler | None = None
        self._computed: RadarFrame | None = None
        self._image: np.ndarray | None = None

    def range_doppler(self, frame: RadarFrame) -> np.ndarray | None:
        """(range bin, Doppler bin) float32: ADC counts, or what the device computed; None where there is neither."""
        if frame.cube is None:
            return frame.range_doppler
        if frame is not self._computed:
            self._image = self._compute(frame.cube)
            self._computed = frame
        return self._image

    def _compute(self, cube: np.ndarray) -> np.ndarray | None:
        if self._range_doppler is None and not self.problem:
            processing = self._processing
            try:
                self._range_doppler = RangeDoppler(self.chirp, window=processing.window, mti=processing.mti)
                self._micro = MicroRangeDoppler(self.chirp)
            except ConfigurationError as error:
                self.problem = str(error)
        return None if self._range_doppler is None else self._range_doppler(cube)

    def micro_range_doppler(self, frame: RadarFrame) -> np.ndarray | None:
        """(range bin, Doppler bin) float32 over the last frames; None until enough came, or without raw samples."""
        self.range_doppler(frame)
        if frame.cube is None or self._range_doppler is None or self._micro is None:
            return None
        return self._micro.push(self._range_doppler.range_spectrum, frame.sequence)

    def restart(self) -> None:
        """The next frame does not follow the last one."""
        if self._micro is not None:
            self._micro.reset()
