"""The doctor on sensors: cameras, serial ports, SPI buses and USB devices, and whether this user may open them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from faceedge.cli.machine import NONE, OK, WARN, Finding, Machine

_CAMERAS, _SERIAL, _SPI, _USB = "Cameras", "Serial ports", "SPI", "USB event cameras"
_RADAR = "Radar libraries"

# idVendor, idProduct (a pattern), what it is. From the udev rules of libcaer and of Prophesee's SDK.
USB_EVENT_CAMERAS = (
    ("152a", "84[01]?", "iniVation DVS, DAVIS or DVXplorer"),
    ("04b4", "00f[45]", "Prophesee EVK3 or EVK4"),
)
# Parts of names in /dev/serial/by-id, and which of faceedge's sensors sits behind such a port.
SERIAL_SENSORS = (
    ("XDS110", "TI XDS110: an IWR6843 evaluation board (if00 commands, if03 data)"),
    ("CP2105", "CP2105: an IWR6843 board (Enhanced commands, Standard data)"),
    ("KitProg3", "Infineon KitProg3: a BGT60TR13C board"),
    ("MicroPython", "MicroPython: may be the bridge of a BGT60TR13C"),
    ("Raspberry_Pi_Pico", "Raspberry Pi Pico: may be the bridge of a BGT60TR13C"),
)
# Module, its pip and apt packages, what needs it.
RADAR_LIBRARIES = (
    ("serial", "pyserial", "python3-serial", "radars on serial ports (bgt60_bridge, iwr6843)"),
    ("spidev", "spidev", "python3-spidev", "a BGT60TR13C on SPI (bgt60_spi)"),
    ("gpiod", "gpiod", "python3-libgpiod", "reset and interrupt of a BGT60TR13C on SPI (bgt60_spi)"),
)
# Nodes that the Pi's own codecs and ISP make; no camera behind them.
_NO_CAMERAS = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rpi-hevc", "rpivid", "unicam", "rp1-cfe")


def check_cameras(machine: Machine) -> Iterator[Finding]:
    """Every V4L2 camera with its stable id, and the Raspberry Pi camera's software."""
    found = False
    for device in machine.glob("/dev", "video[0-9]*"):
        about = f"/sys/class/video4linux/{device.name}"
        name = machine.text(f"{about}/name") or "camera"
        if name.startswith(_NO_CAMERAS) or machine.text(f"{about}/index") not in ("", "0"):
            continue  # codecs, and the metadata node that each USB camera has beside its pictures
        found = True
        stable = _stable_name(machine, "/dev/v4l/by-id", device) or _stable_name(machine, "/dev/v4l/by-path", device)
        detail = name + (f", stable id {stable}" if stable else "")
        yield _permission(machine, _CAMERAS, device, detail, "video")
    is_pi = "Raspberry Pi" in machine.text("/proc/device-tree/model")
    picamera2 = machine.package_folder("picamera2")
    if picamera2 is not None:
        yield Finding(_CAMERAS, "picamera2", OK, f"installed in {picamera2.parent}")
    elif is_pi:
        remedy = "sudo apt install python3-picamera2, and a virtual environment with --system-site-packages"
        yield Finding(_CAMERAS, "picamera2", WARN, "not installed: no ribbon-cable camera", remedy)
    else:
        yield Finding(_CAMERAS, "picamera2", NONE, "not installed (only the Raspberry Pi camera needs it)")
    if not found:
        yield Finding(_CAMERAS, "/dev/video*", NONE, "no USB camera; `faceedge demo` needs none")


def check_serial(machine: Machine) -> Iterator[Finding]:
    """Serial ports, as mmWave radars have them."""
    devices = [*machine.glob("/dev", "ttyUSB[0-9]*"), *machine.glob("/dev", "ttyACM[0-9]*")]
    for device in devices:
        stable = _stable_name(machine, "/dev/serial/by-id", device)
        known = next((text for part, text in SERIAL_SENSORS if part in stable), "")
        yield _permission(machine, _SERIAL, device, known or stable or "serial port", "dialout")
    if not devices:
        yield Finding(_SERIAL, "/dev/ttyUSB*, ttyACM*", NONE, "no serial port")


def check_spi(machine: Machine) -> Iterator[Finding]:
    """SPI buses, on which a BGT60TR13C radar sits."""
    devices = machine.glob("/dev", "spidev*")
    for device in devices:
        numbers = re.fullmatch(r"spidev(\d+)\.(\d+)", device.name)
        detail = f"bus {numbers[1]}, chip select {numbers[2]}" if numbers else "SPI bus"
        yield _permission(machine, _SPI, device, detail, "spi")
    if not devices:
        is_pi = "Raspberry Pi" in machine.text("/proc/device-tree/model")
        remedy = "to use a radar on SPI: sudo raspi-config nonint do_spi 0, then restart" if is_pi else ""
        yield Finding(_SPI, "/dev/spidev*", NONE, "no SPI bus" + (" enabled" if is_pi else ""), remedy)


def check_radar_libraries(machine: Machine) -> Iterator[Finding]:
    """What the drivers of radars need beyond this package: missing ones matter only where such a port is there."""
    has_serial = any(machine.glob("/dev", pattern) for pattern in ("ttyUSB[0-9]*", "ttyACM[0-9]*"))
    has_spi = bool(machine.glob("/dev", "spidev*"))
    for module, pip, apt, use in RADAR_LIBRARIES:
        folder = machine.package_folder(module)
        if folder is not None:
            yield Finding(_RADAR, pip, OK, f"installed in {folder.parent}")
            continue
        wanted = has_serial if module == "serial" else has_spi
        remedy = f"pip install {pip}, or sudo apt install {apt}"
        yield Finding(
            _RADAR, pip, WARN if wanted else NONE, f"not installed: needed for {use}", remedy if wanted else ""
        )


def check_usb(machine: Machine) -> Iterator[Finding]:
    """Event cameras on USB by their vendor and product numbers."""
    found = False
    for entry in machine.glob("/sys/bus/usb/devices", "*"):
        base = f"/sys/bus/usb/devices/{entry.name}"
        vendor, product = machine.text(f"{base}/idVendor"), machine.text(f"{base}/idProduct")
        known = next((text for v, p, text in USB_EVENT_CAMERAS if v == vendor and fnmatchcase(product, p)), "")
        bus, number = machine.text(f"{base}/busnum"), machine.text(f"{base}/devnum")
        if not known or not (bus.isdecimal() and number.isdecimal()):
            continue
        found = True
        node = machine.path(f"/dev/bus/usb/{int(bus):03d}/{int(number):03d}")
        detail = f"{known} ({vendor}:{product}) {machine.text(f'{base}/product')}".strip()
        finding = _permission(machine, _USB, node, detail, "plugdev")
        if finding.status == WARN:
            rule = f'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{vendor}", MODE="0660", GROUP="plugdev"'
            finding = Finding(
                _USB, finding.name, WARN, finding.detail, f"put {rule} into /etc/udev/rules.d/65-event-camera.rules"
            )
        yield finding
        speed = machine.text(f"{base}/speed")
        if speed.isdecimal() and int(speed) < 5000:
            yield Finding(
                _USB,
                f"{finding.name} speed",
                WARN,
                f"{speed} Mbit/s: events will be lost",
                "use a USB 3 port and cable",
            )
    if not found:
        yield Finding(_USB, "/sys/bus/usb", NONE, "no event camera")


def _permission(machine: Machine, group: str, device: Path, detail: str, owner_group: str) -> Finding:
    name = machine.shown(device)
    if not device.exists():
        return Finding(
            group,
            name,
            WARN,
            f"{detail}: the kernel lists it, but it has no device file here",
            "in a container: --device",
        )
    remedy = machine.refusal(device, owner_group)
    return Finding(
        group, name, WARN if remedy else OK, detail + (": this user may not open it" if remedy else ""), remedy
    )


def _stable_name(machine: Machine, folder: str, device: Path) -> str:
    """Name of the link in ``folder`` that leads to ``device``, or an empty string."""
    links = machine.glob(folder, "*")
    return next((link.name for link in links if link.resolve() == device.resolve()), "")
