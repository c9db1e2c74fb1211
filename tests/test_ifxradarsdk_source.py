"""The vendor's SDK behind a fake of its modules: settings in, counts out, and its absence."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from chirps import bgt60_chirp
from hypothesis import given
from hypothesis import strategies as st

from faceedge.errors import ConfigurationError, DeviceError
from faceedge.radar import ifxradarsdk_source
from faceedge.radar.ifxradarsdk_source import IfxRadarSdkSource, to_counts

CHIRP = bgt60_chirp(samples=64, chirps=16, rx=(1, 3), frame_period_s=50e-3)
COUNTS = np.random.default_rng(3).integers(0, 4096, CHIRP.cube_shape, np.uint16)


class ErrorFrameAcquisitionFailed(Exception):  # noqa: N818
    """As the SDK calls it."""


class FakeDevice:
    """One board; a test sets what it gives."""

    def __init__(self, uuid: str = "") -> None:
        self.uuid = uuid
        self.gives: list[Any] = []
        self.sequence: Any = None
        self.left = False

    def create_simple_sequence(self, configuration: Any) -> Any:
        return configuration

    def set_acquisition_sequence(self, sequence: Any) -> None:
        self.sequence = sequence

    def get_sensor_information(self) -> dict[str, str]:
        return {"description": "BGT60TR13C on a board"}

    def get_next_frame(self, timeout_ms: int) -> Any:
        given_now = self.gives.pop(0)
        if isinstance(given_now, Exception):
            raise given_now
        return given_now

    def __exit__(self, *_: object) -> None:
        self.left = True


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> list[FakeDevice]:
    made: list[FakeDevice] = []

    def make(uuid: str = "") -> FakeDevice:
        made.append(FakeDevice(uuid))
        return made[-1]

    modules: dict[str, dict[str, Any]] = {
        "ifxradarsdk": {},
        "ifxradarsdk.common": {},
        "ifxradarsdk.common.exceptions": {"ErrorFrameAcquisitionFailed": ErrorFrameAcquisitionFailed},
        "ifxradarsdk.fmcw": {"DeviceFmcw": make},
        "ifxradarsdk.fmcw.types": {
            "FmcwSimpleSequenceConfig": lambda **fields: SimpleNamespace(**fields),
            "FmcwSequenceChirp": lambda **fields: SimpleNamespace(**fields),
        },
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return made


def as_sdk(counts: np.ndarray) -> np.ndarray:
    return (2 * counts.astype(np.float32) / 4095 - 1).astype(np.float32)


@given(st.integers(0, 4095))
def test_every_count_comes_back_from_the_sdks_floats(count: int) -> None:
    assert to_counts(as_sdk(np.array([count])))[0] == count


def test_values_outside_the_scale_are_clipped() -> None:
    assert to_counts(np.array([-1.5, -1.0, 0.0, 1.0, 1.5], np.float32)).tolist() == [0, 0, 2048, 4095, 4095]


@pytest.mark.parametrize("in_a_list", [True, False])
def test_frames_are_counts_whether_they_come_alone_or_in_a_list(boards: list[FakeDevice], in_a_list: bool) -> None:
    source = IfxRadarSdkSource(CHIRP)
    with source:
        boards[0].gives = [[as_sdk(COUNTS)] if in_a_list else as_sdk(COUNTS)]
        frame = source.read()
        assert frame is not None
        assert frame.sequence == 0
        assert source.description == "BGT60TR13C on a board through ifxradarsdk"
        assert frame.cube is not None
        assert frame.cube.dtype == np.uint16
        np.testing.assert_array_equal(frame.cube, COUNTS)
    assert boards[0].left


def test_the_sdk_gets_the_settings_in_its_own_units(boards: list[FakeDevice]) -> None:
    with IfxRadarSdkSource(CHIRP, "0003-01"):
        assert boards[0].uuid == "0003-01"
        sequence = boards[0].sequence
        assert (sequence.num_chirps, sequence.frame_repetition_time_s, sequence.tdm_mimo) == (16, 50e-3, False)
        assert vars(sequence.chirp) == {
            "start_frequency_Hz": 60.1e9, "end_frequency_Hz": 61.1e9, "sample_rate_Hz": 2e6, "num_samples": 64,
            "rx_mask": 0b101, "tx_mask": 1, "tx_power_level": 31, "lp_cutoff_Hz": 500_000, "hp_cutoff_Hz": 20_000,
            "if_gain_dB": 33,
        }  # fmt: skip


def test_a_late_frame_is_none_and_a_long_silence_an_error(
    boards: list[FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    with IfxRadarSdkSource(CHIRP) as source:
        boards[0].gives = [ErrorFrameAcquisitionFailed("timeout"), ErrorFrameAcquisitionFailed("timeout")]
        assert source.read() is None
        monkeypatch.setattr(ifxradarsdk_source, "STALLED_S", 0.0)
        monkeypatch.setattr(ifxradarsdk_source, "STALLED_PERIODS", 0.0)
        with pytest.raises(DeviceError, match="stands still"):
            source.read()
        assert source.counters["failed_acquisitions"] == 2


def test_frame_periods_without_a_frame_count_as_dropped(
    boards: list[FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns, hour_ns = [10**15], 3600 * 10**9
    clock = SimpleNamespace(monotonic_ns=lambda: now_ns[0], monotonic=lambda: 0.0, CLOCK_MONOTONIC=1)
    system_ns = {10**15: 10**18}  # the host's clock is set between the first frame and the second
    monkeypatch.setattr(ifxradarsdk_source, "time", clock)
    monkeypatch.setattr(
        ifxradarsdk_source, "to_system_ns", lambda ns, _: ns + system_ns.get(now_ns[0], 10**18 + hour_ns)
    )
    with IfxRadarSdkSource(CHIRP) as source:
        boards[0].gives = [[as_sdk(COUNTS)]] * 3
        sequences = []
        for step_ns in (0, 50_000_000, 200_000_000):
            now_ns[0] += step_ns
            frame = source.read()
            assert frame is not None
            sequences.append(frame.sequence)
            stamp_ns = frame.stamp_ns
        assert sequences == [0, 1, 5]
        assert source.dropped == 3
        assert stamp_ns == now_ns[0] + 10**18 + hour_ns - round(16 * 391.55e3)


def test_other_failures_and_shapes_are_errors_of_the_device(boards: list[FakeDevice]) -> None:
    with IfxRadarSdkSource(CHIRP) as source:
        boards[0].gives = [RuntimeError("usb"), [as_sdk(COUNTS[:1])]]
        with pytest.raises(DeviceError, match=r"failed \(RuntimeError: usb\)"):
            source.read()
        with pytest.raises(DeviceError, match=r"array of \(1, 16, 64\), expected \(2, 16, 64\)"):
            source.read()
    with pytest.raises(DeviceError, match="read before it was opened"):
        source.read()


def test_without_the_sdk_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ifxradarsdk.fmcw", None)
    with pytest.raises(DeviceError, match=r"Infineon's radar SDK .*Radar Development Kit"):
        IfxRadarSdkSource(CHIRP).open()


def test_a_board_that_does_not_start_is_named(boards: list[FakeDevice], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(uuid: str = "") -> FakeDevice:
        raise RuntimeError("no compatible board")

    monkeypatch.setattr(sys.modules["ifxradarsdk.fmcw"], "DeviceFmcw", refuse)
    with pytest.raises(DeviceError, match=r"could not start the board .*no compatible board"):
        IfxRadarSdkSource(CHIRP).open()


def test_settings_that_the_chip_cannot_make_never_reach_the_sdk() -> None:
    with pytest.raises(ConfigurationError, match="leaves the band"):
        IfxRadarSdkSource(bgt60_chirp(57e9, 58e9))
