"""Which source the settings describe, and the sentences where they describe none."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.recordings import RecordingSource, VendorWriter
from faceedge.radar.sources import (
    DEFAULT_CHIRPS,
    KINDS,
    SourceSettings,
    chirp_file_of,
    first_spi_bus,
    make_source,
    open_source,
)


@dataclass
class Port:
    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    location: str | None = None
    interface: str | None = None


def test_every_device_has_a_chirp_of_its_own_format_that_ships() -> None:
    for kind in DEFAULT_CHIRPS:
        file = chirp_file_of(SourceSettings(kind))
        assert file is not None
        assert file.kind == DEFAULT_CHIRPS[kind][0]
    assert set(KINDS) - set(DEFAULT_CHIRPS) == {"recording"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kind": "lidar"}, "unknown kind of radar 'lidar'; known are bgt60_spi, bgt60_bridge"),
        ({"kind": "recording"}, "needs the path of its folder"),
        ({"kind": "iwr6843", "path": "/dev/ttyACM0"}, "two ports, so the path /dev/ttyACM0 would do nothing"),
        ({"kind": "recording", "path": "x", "chirp_file": "bgt60_presence.json"}, "has its own chirp settings"),
        ({"kind": "bgt60_spi", "chirp_file": "iwr6843_face.cfg"}, r"needs a \.json file such as bgt60_face_food\.json"),
        ({"kind": "iwr6843", "chirp_file": "bgt60_presence.json"}, r"needs a \.cfg file such as iwr6843_face\.cfg"),
        ({"kind": "bgt60_spi", "chirp_file": "nowhere.json"}, "'nowhere.json' not found"),
    ],
)
def test_settings_that_describe_no_source_are_refused(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        make_source(SourceSettings(**settings))  # type: ignore[arg-type]


def test_a_chirp_is_named_or_given_as_a_path(tmp_path: Path) -> None:
    shipped = load_chirp_file("bgt60_presence.json")
    copy = tmp_path / "mine.json"
    copy.write_bytes(shipped.path.read_bytes())
    for name in ("bgt60_presence.json", "bgt60_presence", str(copy)):
        file = chirp_file_of(SourceSettings("bgt60_bridge", chirp_file=name))
        assert file is not None
        assert file.chirp == shipped.chirp


def test_making_a_source_opens_nothing_and_imports_no_hardware_library() -> None:
    before = set(sys.modules)
    descriptions = [
        make_source(settings).description
        for settings in (
            SourceSettings("bgt60_spi", "/dev/spidev7.0"),
            SourceSettings("bgt60_bridge", "/dev/nowhere"),
            SourceSettings("iwr6843"),
        )
    ]
    assert "spidev7.0" in descriptions[0]
    assert "/dev/nowhere" in descriptions[1]
    assert {"spidev", "gpiod", "ifxradarsdk"} & (set(sys.modules) - before) == set()


def test_a_port_that_is_not_there_is_named_when_the_source_is_opened() -> None:
    pytest.importorskip("serial", reason="pyserial is not installed here")
    with pytest.raises(DeviceError, match=r"radar bridge /dev/nowhere is not there; is the cable plugged in\?"):
        open_source(SourceSettings("bgt60_bridge", "/dev/nowhere"))


def test_a_recording_brings_its_own_chirp(tmp_path: Path) -> None:
    chirp = load_chirp_file("bgt60_presence.json").chirp
    with VendorWriter(tmp_path / "recording", chirp) as writer:
        writer.append(np.zeros(chirp.cube_shape, np.uint16), 0)
    source = make_source(SourceSettings("recording", str(tmp_path / "recording"), loop=True))
    assert isinstance(source, RecordingSource)
    assert source.chirp == chirp
    with pytest.raises(InputError, match="no recording folder at"):
        make_source(SourceSettings("recording", str(tmp_path / "elsewhere")))


def test_the_first_spi_bus_is_taken_and_the_usual_name_where_there_is_none(tmp_path: Path) -> None:
    assert first_spi_bus(tmp_path) == str(tmp_path / "spidev0.0")
    for name in ("spidev1.0", "spidev0.1"):
        (tmp_path / name).touch()
    assert first_spi_bus(tmp_path) == str(tmp_path / "spidev0.1")


@pytest.mark.parametrize(
    ("ports", "sentence"),
    [
        ([], "no radar bridge was found .*serial ports present: none.*; plug it in, or set path"),
        ([Port("/dev/ttyS0"), Port("/dev/ttyUSB0", 0x10C4, 0xEA70)], "present: /dev/ttyS0, /dev/ttyUSB0"),
        (
            [Port("/dev/ttyACM0", 0x2E8A, 0x0005), Port("/dev/ttyACM1", 0x2E8A, 0x000A)],
            r"2 microcontrollers .*\(/dev/ttyACM0, /dev/ttyACM1\); say which with path",
        ),
    ],
)
def test_no_bridge_or_several_are_a_sentence(ports: list[Port], sentence: str) -> None:
    from faceedge.radar.bridge_ports import find_bridge_port

    with pytest.raises(DeviceError, match=sentence):
        find_bridge_port(ports)


def test_the_only_microcontroller_is_the_bridge_and_is_looked_for_at_each_opening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("serial", reason="pyserial is not installed here")
    from faceedge.radar import bridge_ports

    present = [Port("/dev/ttyS0"), Port("/dev/nowhere/ttyACM3", 0x2E8A, 0x0005)]
    assert bridge_ports.find_bridge_port(present) == "/dev/nowhere/ttyACM3"
    monkeypatch.setattr(bridge_ports, "present_ports", lambda: present)
    source = make_source(SourceSettings("bgt60_bridge"))
    with pytest.raises(DeviceError, match=r"/dev/nowhere/ttyACM3 is not there"):
        source.open()
    present[1].device = "/dev/nowhere/ttyACM4"
    with pytest.raises(DeviceError, match=r"/dev/nowhere/ttyACM4 is not there"):
        source.open()
