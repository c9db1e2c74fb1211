"""Radar drivers on a host whose clock is set while they run, as that of a Raspberry Pi without a battery is."""

from __future__ import annotations

import pytest

from faceedge.radar import iwr6843
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.frame import RadarFrame
from faceedge.radar.iwr6843 import Iwr6843
from faceedge.simulation.devices.iwr6843 import Iwr6843Emulator

HOUR_NS = 3_600_000_000_000


def frames_of(source: Iwr6843, count: int) -> list[RadarFrame]:
    found = [source.read(5.0) for _ in range(count)]
    return [frame for frame in found if frame is not None]


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS])
def test_a_clock_that_was_set_while_the_device_was_away_makes_no_frames(
    step_ns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_system_ns = iwr6843.to_system_ns
    with Iwr6843Emulator(calibration_s=0.02, lossy=False) as device:
        source = Iwr6843(load_chirp_file("iwr6843_face.cfg"), device.cli_port, device.data_port)
        source.open()
        before = frames_of(source, 3)
        monkeypatch.setattr(iwr6843, "to_system_ns", lambda *of: to_system_ns(*of) + step_ns)
        source.open()
        after = frames_of(source, 2)
        source.close()
    assert len(before + after) == 5
    assert abs(after[0].stamp_ns - before[-1].stamp_ns - step_ns) < HOUR_NS // 60
    away = after[0].sequence - before[-1].sequence
    assert 1 < away < 100
    assert source.dropped == away - 1
