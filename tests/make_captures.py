"""Makes the captures in tests/data: what our own emulated devices send, recorded as a user would record it.

    python tests/make_captures.py

All of it is synthetic. Tests read the captures as they are; run this again only when their content should change.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from faceedge.radar import infineon_json
from faceedge.radar.bgt60 import Bgt60
from faceedge.radar.bridge import BridgeTransport
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.iwr6843 import Iwr6843
from faceedge.radar.recordings import VendorWriter
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.bridge import BridgeEmulator
from faceedge.simulation.devices.clock import SteppedClock
from faceedge.simulation.devices.iwr6843 import Iwr6843Emulator
from faceedge.simulation.radar.scene import RadarScene, face_at

DATA = Path(__file__).parent / "data"
FACE, STREAM = DATA / "bgt60_synthetic_face", DATA / "iwr6843_synthetic_face.dat"
FACE_FRAMES, PACKETS = 16, 20
FACE_M = 0.30
FIRST_STAMP_NS = 1_700_000_000_000_000_000


def face_chirp() -> ChirpSettings:
    """The full band with a quarter of the samples and twice the chirp period, so that a recording of it stays small."""
    settings = json.loads(load_chirp_file("bgt60_face_full_band.json").path.read_text(encoding="utf-8"))
    shape = settings["device_config"]["fmcw_single_shape"]
    shape |= {"num_chirps_per_frame": 32, "num_samples_per_chirp": 64}
    shape["chirp_repetition_time_s"] *= 2
    return infineon_json.read(json.dumps(settings))


def make_face() -> None:
    """A recording folder, through the emulated chip, the bridge's protocol, the serial port and the driver."""
    shutil.rmtree(FACE, ignore_errors=True)
    chirp = face_chirp()
    chip = Bgt60Chip(RadarScene(chirp, face_at(FACE_M)), SteppedClock(), temperature_c=38.0)
    meta = {"description": "emulated BGT60TR13C, synthetic face at 30 cm", "made_by": "tests/make_captures.py"}
    with (
        BridgeEmulator(chip, pace_bytes_per_s=None, patient=True) as bridge,
        Bgt60(chirp, BridgeTransport(bridge.port)) as radar,
        VendorWriter(FACE, chirp, meta) as writer,
    ):
        first = None
        while writer.frames < FACE_FRAMES:
            frame = radar.read()
            if frame is None or frame.cube is None:
                continue
            first = frame.sequence if first is None else first
            period_ns = round(chirp.frame_period_s * 1e9)
            writer.append(frame.cube, FIRST_STAMP_NS + (frame.sequence - first) * period_ns, frame.temperature_c)


def make_stream() -> None:
    """The bytes of a data port, for which the real driver configured and started the device."""
    with (
        Iwr6843Emulator(calibration_s=0.01, speed=10.0, lossy=False) as device,
        Iwr6843(load_chirp_file("iwr6843_face.cfg"), device.cli_port, device.data_port) as radar,
    ):
        while device.counters["frames"] < PACKETS:
            radar.read()
        STREAM.write_bytes(b"".join(frame.data for frame in list(device.sent)[:PACKETS]))


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    make_face()
    make_stream()
    for path in sorted(DATA.rglob("*")):
        if path.is_file():
            print(f"{path.relative_to(DATA)}: {path.stat().st_size} bytes")
