"""Frames of a near-face radar for commands that look at faces: from a recording, an emulator or the device itself."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame, FaceFrames
from faceedge.radar.gaps import sequences
from faceedge.radar.recording_folder import find_folder, open_recording, read_chirp
from faceedge.radar.sources import RECORDING, RadarSource, SourceSettings, make_source

SESSION = "session.json"
"""Beside the radar's folder in each synthetic session; says ``"synthetic": true``."""
DEFAULT_CHIRP = "bgt60_face_full_band"
"""The shipped models of faces are made for this one."""
READ_TIMEOUT_S = 1.0
SILENT_S = 10.0
"""A device that sends nothing for so long is not waited for any longer."""
_LARGEST_SESSION_BYTES = 1 << 22


def add_source_arguments(parser: argparse.ArgumentParser, sittings: bool) -> None:
    """`--recording`, or a device; with ``sittings`` several recordings."""
    add = parser.add_argument
    more = "; give it once for each sitting" if sittings else ""
    add(
        "--recording",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help=f"a recording of a BGT60TR13C or a synthetic session instead of a device{more}",
    )
    add("--source", metavar="KIND", help="the device: bgt60_bridge, bgt60_spi, ifxradarsdk")
    add("--path", default="", metavar="DEVICE", help="of the device, such as /dev/ttyACM0 (default: the first one)")
    add("--chirp", default="", metavar="FILE", help=f"chirp file of the device (default: {DEFAULT_CHIRP})")


def check_source(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything is opened; raises ConfigurationError."""
    if bool(args.recording) == bool(args.source):
        raise ConfigurationError(
            "say where the radar's frames come from: --source bgt60_bridge (or another device) or --recording FOLDER, "
            "not both."
        )
    if args.source == RECORDING:
        raise ConfigurationError("recordings are given by --recording FOLDER.")
    if args.recording and (args.path or args.chirp):
        raise ConfigurationError("--path and --chirp are of a device; a recording has its own chirp.")


def recording_folder(path: Path) -> Path:
    """The folder with the radar's files: ``path``, or ``radar`` in a synthetic session.

    Raises:
        InputError: there is none.
    """
    path = path.expanduser()
    inner = path / "radar"
    return find_folder(inner if inner.is_dir() and (path / SESSION).is_file() else path)


def is_synthetic(path: Path) -> bool:
    """Whether a recording says of itself that nobody was recorded."""
    file = recording_folder(path).parent / SESSION
    try:
        if file.stat().st_size > _LARGEST_SESSION_BYTES:
            return False
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(facts, dict) and facts.get("synthetic") is True


def common_chirp(recordings: list[Path]) -> ChirpSettings:
    """The chirp of all recordings.

    Raises:
        InputError: one has none, or they differ, or one is given twice.
    """
    folders = [recording_folder(path).resolve() for path in recordings]
    for path, folder in zip(recordings, folders, strict=True):
        if folders.count(folder) > 1:
            raise InputError(f"{path} is given twice; each sitting needs a recording of its own.")
    chirp = read_chirp(folders[0])
    for path, folder in zip(recordings, folders, strict=True):
        if read_chirp(folder) != chirp:
            raise InputError(
                f"{path} was recorded with other chirp settings than {recordings[0]}; what is enrolled holds for one."
            )
    return chirp


def recorded_frames(path: Path) -> Iterator[FaceFrame]:
    """The frames of a recording, as fast as they can be computed; damaged ones are named on stderr and left out.

    Raises:
        InputError: no recording, or one without chirp settings.
    """
    recording = open_recording(recording_folder(path))
    prepare = FaceFrames(recording.chirp)
    numbers = sequences(recording.stamps_ns, recording.chirp.frame_period_s)
    for index, (number, stamp_ns) in enumerate(zip(numbers.tolist(), recording.stamps_ns.tolist(), strict=True)):
        try:
            cube = recording.cube(index)
        except InputError as error:
            print(f"faceedge: {error}", file=sys.stderr)
            continue
        yield prepare.push(cube, number, stamp_ns)


def live_source(args: argparse.Namespace) -> RadarSource:
    """The device that the arguments name, not opened yet.

    Raises:
        ConfigurationError: no such kind, or one that sends no raw samples.
    """
    if args.source == "iwr6843":
        raise ConfigurationError("faces need a radar's raw samples, which an iwr6843 does not send; use a BGT60TR13C.")
    return make_source(SourceSettings(args.source, args.path, args.chirp or DEFAULT_CHIRP))


def live_frames(source: RadarSource) -> Iterator[FaceFrame]:
    """The frames of an open source as they come, without an end.

    Raises:
        DeviceError: the device went away.
        InputError: nothing came for `SILENT_S`.
    """
    prepare = FaceFrames(source.chirp)
    waited_s = 0.0
    while not source.finished:
        try:
            frame = source.read(READ_TIMEOUT_S)
        except InputError:
            continue  # counted in source.rejected; the next one may be whole
        if frame is None:
            waited_s += READ_TIMEOUT_S
            if waited_s >= SILENT_S:
                raise InputError(f"no frame came from {source.description} for {SILENT_S:.0f} s; check its cable.")
            continue
        waited_s = 0.0
        if frame.cube is not None:
            yield prepare.push(frame.cube, frame.sequence, frame.stamp_ns)
