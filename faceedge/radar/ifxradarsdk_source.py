"""A BGT60TR13C on Infineon's own board, through its radar SDK (the Python package ``ifxradarsdk``)."""

from __future__ import annotations

import contextlib
import importlib
import math
import time
from typing import Any

import numpy as np

from faceedge.errors import DeviceError
from faceedge.radar.bgt60_registers import registers_for
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.frame import RadarFrame
from faceedge.radar.gaps import missing_frames
from faceedge.radar.source_base import RadarSource
from faceedge.timing import to_system_ns

FULL_SCALE = 4095
"""The SDK gives 2 * count / 4095 - 1."""
STALLED_PERIODS, STALLED_S = 3.0, 1.0
_REMEDY = (
    "install the wheel from Infineon's Radar Development Kit (it is on no package index), or use the SPI pins or the "
    "serial bridge"
)


def to_counts(values: np.ndarray) -> np.ndarray:
    """Samples of the SDK, -1 to 1, as the 12-bit counts that they came from: same shape, uint16."""
    counts = np.rint((np.asarray(values, np.float32) + 1) * np.float32(FULL_SCALE / 2))
    return np.asarray(np.clip(counts, 0, FULL_SCALE), np.uint16)


class IfxRadarSdkSource(RadarSource):
    """Frames from the vendor's SDK. It gives no time stamps: ``stamp_ns`` is the arrival minus the chirps' duration.

    It does not number frames either; ``dropped`` counts the frame periods that passed without one.

    Args:
        chirp: settings of the chip.
        uuid: of the board; empty: the first one found.

    Raises:
        ConfigurationError: the chip cannot do what ``chirp`` asks for.
    """

    def __init__(self, chirp: ChirpSettings, uuid: str = "") -> None:
        super().__init__(chirp, "BGT60TR13C through ifxradarsdk")
        registers_for(chirp)  # refuses what the chip cannot do with a better sentence than the SDK's
        self._uuid = uuid
        self._device: Any = None
        self._too_late: tuple[type[Exception], ...] = ()
        self._sequence = -1
        self._last_ns = 0
        self._last_frame_s = 0.0

    def open(self) -> None:
        """See `RadarSource.open`."""
        self.close()
        fmcw, types, exceptions = self._modules()
        try:
            self._device = fmcw.DeviceFmcw(uuid=self._uuid) if self._uuid else fmcw.DeviceFmcw()
            sequence = self._device.create_simple_sequence(self._configuration(types))
            self._device.set_acquisition_sequence(sequence)
            self._describe()
        except Exception as error:  # the SDK has an exception for each of its error codes
            self.close()
            raise DeviceError(
                f"the radar SDK could not start the board ({type(error).__name__}: {error}); is it plugged in, is no "
                "other program using it, and is its udev rule installed?"
            ) from error
        names = ("ErrorFrameAcquisitionFailed", "ErrorFifoOverflow")
        self._too_late = tuple(getattr(exceptions, name) for name in names if hasattr(exceptions, name))
        self._last_frame_s = time.monotonic()

    @staticmethod
    def _modules() -> tuple[Any, Any, Any]:
        try:
            fmcw = importlib.import_module("ifxradarsdk.fmcw")
            types = importlib.import_module("ifxradarsdk.fmcw.types")
            exceptions = importlib.import_module("ifxradarsdk.common.exceptions")
        except ImportError as error:
            raise DeviceError(f"the source ifxradarsdk needs Infineon's radar SDK ({error}); {_REMEDY}.") from error
        return fmcw, types, exceptions

    def _configuration(self, types: Any) -> Any:
        chirp = self.chirp
        return types.FmcwSimpleSequenceConfig(
            frame_repetition_time_s=chirp.frame_period_s,
            chirp_repetition_time_s=chirp.chirp_period_s,
            num_chirps=chirp.chirps_per_frame,
            tdm_mimo=False,
            chirp=types.FmcwSequenceChirp(
                start_frequency_Hz=chirp.start_frequency_hz,
                end_frequency_Hz=chirp.end_frequency_hz,
                sample_rate_Hz=chirp.sample_rate_hz,
                num_samples=chirp.samples_per_chirp,
                rx_mask=sum(1 << rx - 1 for rx in chirp.rx_antennas),
                tx_mask=1,
                tx_power_level=chirp.tx_power_level,
                lp_cutoff_Hz=round(chirp.low_pass_hz),
                hp_cutoff_Hz=round(chirp.high_pass_hz),
                if_gain_dB=round(chirp.if_gain_db),
            ),
        )

    def _describe(self) -> None:
        with contextlib.suppress(Exception):  # only words for the diagnostics
            about = self._device.get_sensor_information()
            self.description = f"{about.get('description', 'BGT60TR13C')} through ifxradarsdk"

    def read(self, timeout_s: float = 1.0) -> RadarFrame | None:
        """See `RadarSource.read`."""
        if self._device is None:
            raise DeviceError(f"{self.description} was read before it was opened.")
        try:
            given = self._device.get_next_frame(timeout_ms=max(1, round(timeout_s * 1000)))
        except self._too_late:
            self._check_stall()
            return None
        except Exception as error:
            raise DeviceError(f"{self.description} failed ({type(error).__name__}: {error}); open it again.") from error
        arrived_ns = time.monotonic_ns()
        cube = to_counts(given[0] if isinstance(given, list | tuple) else given)
        if cube.shape != self.chirp.cube_shape:
            raise DeviceError(
                f"{self.description} gave an array of {cube.shape}, expected {self.chirp.cube_shape} (rx, chirp, "
                "sample); is the SDK another version than 3.x?"
            )
        self._measure_temperature()
        return self._frame(cube, arrived_ns)

    def _check_stall(self) -> None:
        """No frame in time, or the board lost some."""
        self.counters["failed_acquisitions"] = self.counters.get("failed_acquisitions", 0) + 1
        silent_s = time.monotonic() - self._last_frame_s
        if silent_s > max(STALLED_S, STALLED_PERIODS * self.chirp.frame_period_s):
            raise DeviceError(f"{self.description} stands still: no frame for {silent_s:.1f} s; it is started anew.")

    def _frame(self, cube: np.ndarray, arrived_ns: int) -> RadarFrame:
        missed = 0
        if self._last_ns:
            missed = missing_frames(self._last_ns, arrived_ns, self.chirp.frame_period_s)
        self.dropped += missed
        self.late += missed > 0
        self._sequence += missed + 1
        self._last_ns = arrived_ns
        self._last_frame_s = time.monotonic()
        start_ns = arrived_ns - round(self.chirp.chirps_per_frame * self.chirp.chirp_period_s * 1e9)
        stamp_ns = to_system_ns(start_ns, time.CLOCK_MONOTONIC)
        return RadarFrame(stamp_ns, self._sequence, cube, temperature_c=self.temperature_c)

    def _measure_temperature(self) -> None:
        read = getattr(self._device, "get_temperature", None)
        if read is None or self._sequence % max(1, round(5 * self.chirp.frame_rate_hz)) != 0:
            return
        try:
            self.temperature_c = float(read())
        except Exception:  # frames go on without it
            self.temperature_c = math.nan

    def close(self) -> None:
        """See `RadarSource.close`."""
        device, self._device = self._device, None
        self._last_ns = 0
        if device is None:
            return
        with contextlib.suppress(Exception):
            device.stop_acquisition()
        leave = getattr(device, "__exit__", None)
        with contextlib.suppress(Exception):
            if leave is not None:
                leave(None, None, None)
