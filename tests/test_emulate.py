"""`faceedge emulate`: the port appears, the real driver finds a radar behind it, and the end leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from faceedge.cli import main as cli
from faceedge.errors import InputError
from faceedge.radar.bgt60 import Bgt60
from faceedge.radar.bridge import BridgeTransport
from faceedge.radar.chirp import to_json
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.simulation.devices.feed import RecordingFeed

RUN = [sys.executable, "-c", "import sys; from faceedge.cli.main import main; sys.exit(main())", "emulate"]


def test_the_driver_reads_a_recording_from_an_emulated_port_bit_exact(tmp_path: Path) -> None:
    cubes = np.random.default_rng(2).integers(0, 4096, (4, 3, 64, 128), np.uint16)
    (tmp_path / "rec" / "RadarIfxAvian_00").mkdir(parents=True)
    np.save(tmp_path / "rec" / "RadarIfxAvian_00" / "radar.npy", cubes)
    link = tmp_path / "ttyRADAR"
    with subprocess.Popen(
        [*RUN, "bgt60", "--recording", str(tmp_path / "rec"), "--link", str(link)], stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == f"bgt60 behind a serial bridge: {link}\n"
            with Bgt60(load_chirp_file("bgt60_face_food.json").chirp, BridgeTransport(str(link))) as radar:
                for index in range(6):
                    frame = radar.read(5.0)
                    assert frame is not None
                    assert frame.cube is not None
                    assert (frame.sequence, frame.cube.tobytes()) == (index, cubes[index % 4].tobytes())
            child.send_signal(signal.SIGTERM)
            text = child.stdout.read()
            assert child.wait(10) == 0
        finally:
            child.kill()
    assert f"faceedge view radar --source bgt60_bridge --path {link}" in text
    assert "Ended." in text
    assert not os.path.lexists(link)


@pytest.mark.parametrize(
    "words",
    [["bgt60"], ["bgt60", "--scene", "point"], ["iwr6843", "--fault", "half_packet=3", "--fault", "baud=921600"]],
)
def test_the_ports_are_there_for_so_many_seconds(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = threading.active_count()
    assert cli.main(["emulate", *words, "--link", str(tmp_path / "tty"), "--seconds", "0.1"]) == 0
    text = capsys.readouterr().out
    assert str(tmp_path / "tty") in text
    assert "Ended." in text
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["bgt60", "--fault", "lose=1"], "expected a fault as NAME=VALUE"),
        (["bgt60", "--fault", "half_packet=3"], "expected a fault as NAME=VALUE"),
        (["iwr6843", "--fault", "half_packet=often"], "happens to one frame: expected half_packet=FRAME"),
        (["bgt60", "--speed", "0"], "device seconds in a second"),
        (["bgt60", "--seconds", "-1"], "--seconds must be 0 or more"),
        (["bgt60", "--seconds", "nan"], "--seconds must be 0 or more"),
        (["bgt60", "--link", "/nowhere/tty"], "the port /nowhere/tty cannot be made: No such file or directory"),
        (["bgt60", "--recording", "/nowhere"], "no radar.npy in /nowhere"),
        (["bgt60", "--recording", "x", "--scene", "face"], "either --recording or --scene"),
        (["iwr6843", "--scene", "face"], "--scene is for the bgt60"),
        (["person", "--session", "/nowhere"], "/nowhere is no session: it has no session.json"),
        (["person", "--sensors", ""], "--script and --sensors are for a person who is computed; give a --seed"),
        (["bgt60", "--seed", "1"], "--seed is for a person; say `faceedge emulate person`"),
    ],
)
def test_a_wrong_argument_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["emulate", *words]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("device", ["bgt60", "iwr6843"])
def test_the_faults_are_listed(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["emulate", device, "--fault", "list"]) == 0
    names = capsys.readouterr().out.split()
    assert "lose_rate=0.0" in names
    assert ("half_packet=FRAME" in names) == (device == "iwr6843")
    assert ("fifo_overflow_after_blocks=0" in names) == (device == "bgt60")


def test_a_recording_is_four_dimensional(tmp_path: Path) -> None:
    np.save(tmp_path / "radar.npy", np.zeros((3, 64, 128), np.uint16))
    with pytest.raises(InputError, match="frame, rx, chirp, sample"):
        RecordingFeed.load(tmp_path)
    (tmp_path / "radar.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match="is no whole array"):
        RecordingFeed.load(tmp_path / "radar.npy")
    with pytest.raises(InputError, match="no radar"):
        RecordingFeed.load(tmp_path / "nothing")
    feed = RecordingFeed(np.arange(2, dtype=np.uint16).reshape(2, 1, 1, 1), loop=False)
    assert [int(feed.cube(index).item()) for index in (0, 1, 2, 9)] == [0, 1, 1, 1]


def test_a_session_without_files_of_a_sensor_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"duration_s": 1.0, "chirp": json.loads(to_json(load_chirp_file("bgt60_face_food").chirp))}
    (tmp_path / "session.json").write_text(json.dumps(facts))
    assert cli.main(["emulate", "person", "--session", str(tmp_path), "--seconds", "0.1"]) == 1
    assert "has no files of a sensor; simulate it with the format arrays" in capsys.readouterr().err
