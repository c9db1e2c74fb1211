"""One cube to range-Doppler and micro range-Doppler: time on one core against two other ways, and memory allocated."""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows import Row, at_most, one_core, timed

from faceedge.radar.angles import RangeAngle
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.detection import HANN_CELLS_PER_INDEPENDENT, Cfar, detect
from faceedge.radar.range_doppler import MicroRangeDoppler, RangeDoppler, low_pass_matrix, micro_matrix
from faceedge.radar.windows import window

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
import textbook_radar

FRAMES = 8
LIMIT_MS = 1.5
NEAR_FACE = load_chirp_file("bgt60_face_food").chirp


class UsualNumpy:
    """The same two images as one writes them down with ``np.fft``: a new array a step, double precision as it comes.

    What can be computed once is, and the low-passed samples of the last frames are kept.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        self._fast = window("hann", chirp.samples_per_chirp)
        self._slow = window("hann", chirp.chirps_per_frame)[:, None]
        self._low_pass = low_pass_matrix(chirp.chirps_per_frame, FRAMES)
        self._fourier = micro_matrix(chirp, FRAMES, "blackman_harris")
        self._low_passed: list[np.ndarray] = []

    def __call__(self, cube: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Both images; no micro image before enough frames came."""
        samples = cube - cube.mean(axis=2, keepdims=True)
        spectrum = np.fft.rfft(samples * self._fast, axis=2)[..., :-1] * (2 / self._fast.sum())
        moving = spectrum - spectrum.mean(axis=1, keepdims=True)
        doppler = np.fft.fftshift(np.fft.fft(moving * self._slow, axis=1), axes=1) / self._slow.sum()
        image = np.sqrt((np.abs(doppler) ** 2).mean(axis=0)).T
        self._low_passed = [*self._low_passed, self._low_pass @ spectrum][-FRAMES:]
        if len(self._low_passed) < FRAMES:
            return image, None
        micro = np.concatenate(self._low_passed, axis=1).swapaxes(1, 2) @ self._fourier
        return image, np.sqrt((np.abs(micro) ** 2).mean(axis=0))


def allocated(function: Callable[[], object], calls: int = 100) -> tuple[int, float]:
    """Largest number of bytes allocated at once during calls, and bytes that a call leaves behind."""
    for _ in range(20):
        function()
    tracemalloc.start()
    try:
        function()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(calls):
            function()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before, (after - before) / calls


def section(args: argparse.Namespace) -> list[Row]:
    """Measure on one core; the runs of the three ways are interleaved."""
    rng = np.random.default_rng(0)
    cube = rng.integers(0, 4096, NEAR_FACE.cube_shape).astype(np.uint16)
    range_doppler, micro, usual = RangeDoppler(NEAR_FACE), MicroRangeDoppler(NEAR_FACE), UsualNumpy(NEAR_FACE)

    motion = (NEAR_FACE.wavelength_m, NEAR_FACE.chirp_period_s, NEAR_FACE.frame_period_s)

    def ours() -> None:
        range_doppler(cube)
        micro.push(range_doppler.range_spectrum)

    def textbook() -> None:
        textbook_radar.range_doppler(cube, True)
        textbook_radar.micro_range_doppler([cube] * FRAMES, *motion)

    with one_core(args.core):
        shares = [(timed(ours, args.runs // 5), timed(lambda: usual(cube), args.runs // 5)) for _ in range(5)]
        p50, p99 = (float(np.median([own[i] for own, _ in shares])) for i in (0, 1))
        usual_p50 = float(np.median([other[0] for _, other in shares]))
        image_p50, _ = timed(lambda: range_doppler(cube), args.runs // 5)
        slow_ms = timed_once(textbook)
        range_angle = RangeAngle(NEAR_FACE)
        angle_p50, _ = timed(lambda: range_angle(range_doppler.range_spectrum), args.runs // 5)
        cfar = Cfar((64, 64), looks=3, cells_per_independent=HANN_CELLS_PER_INDEPENDENT)
        image, axes = range_doppler(cube), (range_doppler.range_axis_m, range_doppler.velocity_axis_m_s)
        cfar_p50, _ = timed(lambda: detect(image, *axes, cfar), args.runs // 5)
    peak, kept = allocated(ours)
    usual_peak, _ = allocated(lambda: usual(cube))
    return [
        at_most("cube to both images, p50", p50, "ms", LIMIT_MS, "3 x 64 x 128, one core, one BLAS thread"),
        at_most("cube to both images, p99", p99, "ms", LIMIT_MS),
        Row("of it range-Doppler, p50", image_p50, "ms"),
        Row("usual numpy (np.fft), p50", usual_p50, "ms", note=f"{usual_p50 / p50:.1f} times ours"),
        Row(
            "defining sums in plain Python",
            slow_ms,
            "ms",
            note=f"{slow_ms / p50:,.0f} times ours; all 8 frames each time",
        ),
        Row("range-azimuth and range-elevation, p50", angle_p50, "ms", note="64 angles each"),
        Row("cell-averaging CFAR and list of targets, p50", cfar_p50, "ms", note="144 training cells"),
        at_most("allocated at once during a frame", peak, "bytes", 4096, f"usual numpy: {usual_peak:,} bytes"),
        at_most("kept by a frame", kept, "bytes", 0.5),
    ]


def timed_once(function: Callable[[], object]) -> float:
    """Ms of one call."""
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3
