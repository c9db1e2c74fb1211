"""Writes one session into its folder, frame by frame; the folder has its name only when it is whole."""

from __future__ import annotations

import heapq
import importlib.metadata
import json
import os
import platform
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from faceedge import __version__
from faceedge.errors import ConfigurationError, DeviceError
from faceedge.simulation.sessions import tracks
from faceedge.simulation.sessions.bag import BagWriter
from faceedge.simulation.sessions.session import Session

FORMAT = 1
"""Of session folders and manifests. Another number: another layout."""
FACTS, BAG = "session.json", "session.mcap"
PARTIAL_SUFFIX = ".partial"
PROGRESS = "progress"
"""In a folder that is being written: how many seconds of the recording are done, for whoever waits."""
LIBRARIES = ("numpy", "numba", "opencv-python-headless", "rosbags")
"""Packages that the bytes of a session may depend on."""

_PROGRESS_PERIOD_S = 0.5
_TRACKS = {"radar": tracks.radar_track, "events": tracks.event_track, "camera": tracks.camera_track}


def versions() -> dict[str, str]:
    """This package, Python, and the libraries that the numbers come through."""
    found = {"faceedge": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def check_session(session: Session) -> None:
    """Raises ConfigurationError where a sensor would record nothing."""
    if "radar" in session.sensors and tracks.radar_frames(session) == 0:
        raise ConfigurationError(
            f"a recording of {session.duration_s:g} s has no whole radar frame, whose chirps take "
            f"{session.chirp.chirps_per_frame * session.chirp.chirp_period_s:g} s; record longer or take another chirp."
        )
    if "camera" in session.sensors and tracks.pictures(session) == 0:
        raise ConfigurationError(
            f"a recording of {session.duration_s:g} s has no picture at {session.camera_rate_hz:g} Hz; record longer."
        )


def write_session(
    session: Session,
    folder: Path,
    formats: Sequence[str] = ("arrays",),
    stage: Callable[[Session], tracks.Stage] | None = None,
    parent: int = 0,
) -> dict[str, Any]:
    """Simulate ``session`` and write it.

    Everything lies in a folder ``.partial`` of this process's own until the end. Memory does not grow with the
    duration.

    Args:
        session: what to simulate.
        folder: of the session; must not exist.
        formats: of ``options.FORMATS``.
        stage: builds the person and the sensors' views; None: the real ones.
        parent: process that waits for the session; when it has ended, so does this. 0: nobody does.

    Returns:
        What ``session.json`` holds.

    Raises:
        ConfigurationError: the folder exists, or a parameter is impossible.
        DeviceError: the disk is full or gone, or the parent has ended.
    """
    _check_parent(parent, session)
    if folder.exists():
        raise ConfigurationError(f"the session {folder} exists already; give another folder or remove it.")
    check_session(session)
    if stage is None:
        from faceedge.simulation.sessions.stage import build

        stage = build
    built = stage(session)
    partial = folder.with_name(f"{folder.name}.{socket.gethostname()}-{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        facts = _write(built, partial, formats, parent)
        partial.rename(folder)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        whole = read_facts(folder)
        if whole is not None:  # another process was faster, as a cluster's may be that was given up for lost
            return whole
        reason = error.__cause__ if isinstance(error, DeviceError) else error
        if isinstance(reason, OSError):
            raise DeviceError(
                f"the session {folder} cannot be written: {(reason.strerror or str(reason)).lower()}; the same command "
                "goes on with it when that is mended."
            ) from error
        raise
    return facts


def _write(stage: tracks.Stage, folder: Path, formats: Sequence[str], parent: int) -> dict[str, Any]:
    session = stage.session
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        bag = stack.enter_context(BagWriter(folder / BAG)) if "mcap" in formats else None
        out = tracks.Output(folder, "arrays" in formats, "aedat4" in formats, bag.messages if bag else None, counts)
        running = [tracks.truth_track, *(_TRACKS[name] for name in _TRACKS if name in session.sensors)]
        entries = [track(stage, out) for track in running]
        for generator in entries:
            stack.callback(generator.close)  # type: ignore[attr-defined]
        in_order = heapq.merge(*entries, key=lambda entry: entry.time_ns)
        for entry in _noting_progress(in_order, session, folder, parent):
            if bag and entry.topic:
                bag.write(entry.topic, entry.message, entry.time_ns)
    (folder / PROGRESS).unlink(missing_ok=True)
    facts = {
        "format": FORMAT,
        "synthetic": True,
        "path": session.path,
        **session.to_dict(),
        **stage.facts(),
        "counts": {name: counts[name] for name in ("frames", "events", "pictures")},
        "files": {path.relative_to(folder).as_posix(): path.stat().st_size for path in _files(folder)},
        "versions": versions(),
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _noting_progress(
    entries: Iterator[tracks.Entry], session: Session, folder: Path, parent: int
) -> Iterator[tracks.Entry]:
    """Note now and then how far the recording is; a reader never sees half a number."""
    noted = time.monotonic()
    for entry in entries:
        yield entry
        if time.monotonic() - noted > _PROGRESS_PERIOD_S:
            _check_parent(parent, session)
            noted = time.monotonic()
            fresh = folder / (PROGRESS + ".new")
            fresh.write_text(f"{(entry.time_ns - session.start_ns) / 1e9:.3f}", encoding="ascii")
            os.replace(fresh, folder / PROGRESS)


def _check_parent(parent: int, session: Session) -> None:
    if parent and os.getppid() != parent:
        raise DeviceError(f"the process {parent}, which asked for the session {session.path}, has ended.")


def unfinished(folder: Path) -> list[Path]:
    """Folders in which the session ``folder`` is being written, or was when a run was killed."""
    return sorted(folder.parent.glob(f"{folder.name}.*{PARTIAL_SUFFIX}"))


def progress_of(folder: Path) -> float:
    """Seconds of the session ``folder`` that another process has recorded so far; 0: none, or nobody is at it."""
    most = 0.0
    for partial in unfinished(folder):
        with suppress(OSError, ValueError):
            most = max(most, float((partial / PROGRESS).read_text(encoding="ascii")))
    return most


def read_facts(folder: Path) -> dict[str, Any] | None:
    """``session.json`` of a whole session; None where there is none, or a file is missing or of another length."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in facts["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return facts if whole else None
