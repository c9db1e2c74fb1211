"""Serial ports that cannot be opened, each with its sentence."""

from __future__ import annotations

import errno
import os
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from faceedge.errors import DeviceError
from faceedge.radar import serial_port
from faceedge.radar.serial_port import lost, open_port, sentence


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_a_pseudo_terminal_works_although_it_has_no_modem_lines(terminal: tuple[int, str]) -> None:
    master, path = terminal
    with open_port(path, 921_600, what="data port") as port:
        port.write(b"\x00\x03\n\xff")
        assert os.read(master, 10) == b"\x00\x03\n\xff"
        os.write(master, b"\x11\x13\r\n\xfa")
        assert port.read(5) == b"\x11\x13\r\n\xfa"


def test_a_second_owner_is_refused(terminal: tuple[int, str]) -> None:
    with (
        open_port(terminal[1], 115_200),
        pytest.raises(DeviceError, match=r"in use by another program; `fuser -v /dev"),
    ):
        open_port(terminal[1], 115_200)
    open_port(terminal[1], 115_200).close()


def test_a_missing_port_lists_those_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "usb-MicroPython_Board-if00").touch()
    monkeypatch.setattr(serial_port, "STABLE_FOLDER", str(tmp_path))
    with pytest.raises(DeviceError, match=r"radar bridge /dev/ttyNONE is not there.*Present: .*usb-MicroPython_Board"):
        open_port("/dev/ttyNONE", 115_200, what="radar bridge")
    with pytest.raises(DeviceError, match="no port is given"):
        open_port("", 115_200)


def test_what_is_no_serial_port_is_named(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    for path in (plain, tmp_path, Path("/dev/null")):
        with pytest.raises(DeviceError, match="is no serial port; expected a file like /dev/ttyACM0"):
            open_port(str(path), 115_200)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, r"usermod -aG dialout \$USER.*udev rule 99-faceedge-radar.rules"),
        (errno.EBUSY, "in use by another program"),
        (errno.EIO, "does not answer"),
        (errno.ENXIO, "went away"),
        (errno.EPERM, "--device"),
    ],
)
def test_each_refusal_of_the_kernel_names_its_remedy(number: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **settings: object) -> None:
        raise serial.SerialException(number, f"could not open port: {os.strerror(number)}")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(DeviceError, match=words):
        open_port("/dev/ttyACM0", 115_200)


def test_without_pyserial_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(DeviceError, match=r"pip install pyserial.*apt install python3-serial"):
        open_port("/dev/ttyACM0", 115_200)


def test_an_unusual_rate_and_other_errors_are_sentences() -> None:
    assert sentence("port", "/dev/x", ValueError("Invalid baud rate"), 7) == (
        "port /dev/x does not accept 7 baud; use another port or another rate."
    )
    assert sentence("port", "/dev/x", OSError(errno.ENOMEM, "no memory")).startswith("port /dev/x failed: ")
    assert str(lost("port", "/dev/x", OSError("gone"))) == "port /dev/x went away (gone); plug it in again."


def test_the_udev_rule_names_each_chip_that_the_drivers_know() -> None:
    rules = (Path(__file__).resolve().parents[1] / "config/99-faceedge-radar.rules").read_text(encoding="utf-8")
    for vendor, product in (("2e8a", "0005"), ("0451", "bef3"), ("10c4", "ea70")):
        assert f'ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}"' in rules
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in rules
