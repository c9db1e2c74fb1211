"""Opens serial ports for one owner, and says in a sentence why one cannot be opened."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from faceedge.errors import DeviceError

if TYPE_CHECKING:
    import serial

READ_TIMEOUT_S = 0.1
WRITE_TIMEOUT_S = 1.0
STABLE_FOLDER = "/dev/serial/by-id"

_REASONS = {
    errno.ENOENT: "is not there; is the cable plugged in?{present}",
    errno.ENODEV: "went away; plug the device in again",
    errno.ENXIO: "went away; plug the device in again",
    errno.EIO: "does not answer; unplug the device and plug it in again",
    errno.EACCES: "may not be opened by this user; `sudo usermod -aG dialout $USER` and log in again, or install the "
    "udev rule 99-faceedge-radar.rules (docs/radar.md)",
    errno.EPERM: "may not be opened here; in a container, pass the device with --device",
    errno.EBUSY: "is in use by another program; `fuser -v {path}` names it (ModemManager probes a new port for some "
    "seconds unless 99-faceedge-radar.rules tells it not to)",
    errno.ENOTTY: "is no serial port; expected a file like /dev/ttyACM0, /dev/ttyUSB0 or a link in " + STABLE_FOLDER,
    errno.EINVAL: "does not accept {baud} baud; use another port or another rate",
}
# What other error numbers of open(2), flock(2) and tcgetattr(3) come to.
_SAME = {errno.EAGAIN: errno.EBUSY, errno.EISDIR: errno.ENOTTY, errno.ENOTDIR: errno.ENOENT}


def load_pyserial() -> Any:
    """The module ``serial``.

    Raises:
        DeviceError: it is not installed.
    """
    try:
        return importlib.import_module("serial")
    except ImportError as error:
        raise DeviceError(
            "a serial port needs pyserial, which is not installed; `pip install pyserial` or "
            "`sudo apt install python3-serial`."
        ) from error


class PortInfo(Protocol):
    """What pyserial's ``ListPortInfo`` tells of a port."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    location: str | None
    interface: str | None


def present_ports() -> list[PortInfo]:
    """The serial ports of this computer.

    Raises:
        DeviceError: pyserial is not installed.
    """
    load_pyserial()
    return list(importlib.import_module("serial.tools.list_ports").comports())


def open_port(path: str, baud: int, *, what: str = "serial port") -> serial.Serial:
    """Open a serial port, 8N1, raw, for this program alone.

    Works on pseudo-terminals, too: they have no modem lines and no latency to set.

    Args:
        path: the device file or a link to it; looked up anew at each call, so that a stable link finds the new number.
        baud: bits a second; USB CDC devices ignore it.
        what: the device that should be there, for the sentences.

    Raises:
        DeviceError: missing, forbidden, busy or no serial port; the sentence names the remedy.
    """
    serial_module = load_pyserial()
    if not path:
        raise DeviceError(f"{what}: no port is given; expected a path like /dev/ttyACM0.{_present()}")
    try:
        port: serial.Serial = serial_module.Serial(
            path,
            baud,
            timeout=READ_TIMEOUT_S,
            write_timeout=WRITE_TIMEOUT_S,
            exclusive=True,
            rtscts=False,
            dsrdtr=False,
        )
    except (OSError, ValueError) as error:  # SerialException is an OSError
        raise DeviceError(sentence(what, path, error, baud)) from error
    # FTDI bridges hold bytes back for 16 ms unless asked not to; other drivers have nothing to set.
    with contextlib.suppress(OSError, ValueError, AttributeError, NotImplementedError):
        port.set_low_latency_mode(True)
    return port


def sentence(what: str, path: str, error: Exception, baud: int = 0) -> str:
    """What an error of a serial port means for the owner of the device."""
    number = getattr(error, "errno", None)
    if number is None and "onfigure port" in str(error):  # pyserial drops the number of termios errors
        number = errno.ENOTTY
    if isinstance(error, ValueError):
        number = errno.EINVAL
    number = _SAME.get(number or 0, number or 0)
    if number == errno.EACCES and os.path.isdir(path):
        number = errno.ENOTTY
    reason = _REASONS.get(number, f"failed: {error}")
    return f"{what} {path} " + reason.format(path=path, baud=baud, present=_present()) + "."


def lost(what: str, path: str, error: Exception) -> DeviceError:
    """The error of a port that was open and is not any more."""
    return DeviceError(f"{what} {path} went away ({error}); plug it in again.")


def _present() -> str:
    """The serial ports that are there, by stable name where they have one."""
    folder = Path(STABLE_FOLDER)
    names = sorted(str(link) for link in folder.iterdir()) if folder.is_dir() else []
    if not names:
        names = sorted(str(port) for kind in ("ttyACM*", "ttyUSB*") for port in Path("/dev").glob(kind))
    return f" Present: {', '.join(names)}" if names else " No USB serial port is present"
