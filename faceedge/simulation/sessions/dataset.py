"""A whole data set: planned from its options, written session by session, gone on with where it was interrupted."""

from __future__ import annotations

import errno
import fcntl
import functools
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from faceedge.errors import ConfigurationError, DeviceError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.simulation.sessions import backends, tracks, writer
from faceedge.simulation.sessions.manifest import MANIFEST, Manifest, check_same, now, other_versions, read_manifest
from faceedge.simulation.sessions.options import Options, check_name
from faceedge.simulation.sessions.session import Session, draw_session
from faceedge.simulation.sessions.splits import recorded, write_splits

LOCK = ".lock"
_LOOK_AHEAD = 256
"""Sessions begin in order: behind so many that have not, nobody is at work."""
_WATCH_PERIOD_S, _GRACE_S = 1.0, 3.0
"""How often a worker looks whether anybody waits for it, and how long it may clean up where nobody does."""
Notice = Callable[[str], None]
Builder = Callable[[Session], tracks.Stage]

# Bytes for a second of a recording, beside the radar's, which are exact: measured on the sessions of a small data set.
_TRUTH_BYTES_S = 110e3
_EVENT_BYTES_S = {"genx320": 0.25e6, "evk4": 1.2e6}
_PICTURE_BYTES_PER_PIXEL = 0.2
_AEDAT4_RATIO = 1.6


def plan(options: Options) -> tuple[Session, ...]:
    """Every session of a data set, person by person.

    Raises:
        ConfigurationError: a name that is not known, or parameters with which nothing would be recorded.
    """
    chirp = _chirp(options)
    _check_names(options)
    sessions = tuple(
        draw_session(person, index, options, chirp)
        for person in range(options.people)
        for index in range(options.sessions)
    )
    writer.check_session(sessions[0])
    return sessions


def _chirp(options: Options) -> ChirpSettings:
    chirp = load_chirp_file(options.chirp).chirp
    if chirp.device != "bgt60tr13c":
        raise ConfigurationError(
            f"the synthetic radar is a BGT60TR13C, and the chirp {options.chirp} is for an {chirp.device}; choose "
            "another, such as bgt60_face_food."
        )
    return chirp


def _check_names(options: Options) -> None:
    """Names whose tables need the extra ``sim``."""
    from faceedge.simulation.performance.scripts import SCRIPTS

    check_name("script", options.script, SCRIPTS)
    if "events" in options.sensors:
        from faceedge.simulation.events.view import GEOMETRIES

        check_name("event geometry", options.event_geometry, GEOMETRIES)
    if "events" in options.sensors or "camera" in options.sensors:
        from faceedge.simulation.camera.view import MODES

        check_name("light", options.camera_mode, MODES)


def estimated_bytes(sessions: Sequence[Session], formats: Sequence[str]) -> int:
    """About how much a data set takes: exact for the radar, from experience for the rest."""
    return round(sum(_session_bytes(session, formats) for session in sessions))


def _session_bytes(session: Session, formats: Sequence[str]) -> float:
    chirp, seconds = session.chirp, session.duration_s
    total = 0.0
    rx, chirps, samples = chirp.cube_shape
    events = _EVENT_BYTES_S.get(session.event_geometry, max(_EVENT_BYTES_S.values())) * seconds
    if "radar" in session.sensors:
        total += 2 * rx * chirps * samples * tracks.radar_frames(session)
    if "events" in session.sensors:
        total += events
    if "camera" in session.sensors:
        width, height = session.camera_size
        total += _PICTURE_BYTES_PER_PIXEL * width * height * tracks.pictures(session)
    copies = ("arrays" in formats) + ("mcap" in formats)
    aedat4 = _AEDAT4_RATIO * events if "aedat4" in formats else 0.0
    return copies * total + aedat4 + _TRUTH_BYTES_S * seconds


@dataclass(frozen=True, slots=True)
class Done:
    """A session that is there."""

    path: str
    duration_s: float
    frames: int
    events: int
    pictures: int
    size: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What a data set holds.

    Attributes:
        splits: what it can be divided into.
        expressions: how often each is performed.
    """

    sessions: int
    seconds: float
    frames: int
    events: int
    pictures: int
    size: int
    splits: tuple[str, ...]
    expressions: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class DataSet:
    """A data set in a folder. Call `prepare`, go through `run` to its end, then call `finish`.

    Attributes:
        folder: of the data set.
        options: what it is asked to be.
        sessions: as planned.
        stage: builds what a session sees; None: the real sensors.
        missing: sessions that are not there yet, known after `prepare`.
    """

    folder: Path
    options: Options
    sessions: tuple[Session, ...]
    stage: Builder | None = None
    missing: list[Session] = field(default_factory=list)
    _manifest: Manifest | None = None

    @contextmanager
    def prepare(self, notice: Notice = print) -> Iterator[None]:
        """Hold the folder, check that it is this data set's, and find out what is missing.

        Raises:
            ConfigurationError: the folder holds something else, another process writes there, or there is too little
                space.
        """
        found = self._found()
        with self._held():
            self._manifest = found or Manifest(self.options, self.sessions, begun=now())
            if found is not None:
                for difference in other_versions(found):
                    notice(f"the data set was begun with {difference}; the bytes of its sessions may differ.")
            self._clean()
            self.missing = [s for s in self.sessions if writer.read_facts(self.folder / s.path) is None]
            self._check_space()
            if found is None:
                with self._disk():
                    self._manifest.write(self.folder)
            for session in self.missing:
                self._put_aside(session, notice)
            try:
                yield
            finally:
                self._clean()  # of workers that were ended or given up for lost

    def _found(self) -> Manifest | None:
        """The manifest of this data set, None where there is nothing yet, or nothing but another one's plan."""
        if self.folder.exists() and not self.folder.is_dir():
            raise ConfigurationError(f"{self.folder} is a file; give the folder of a data set, or one that is not yet.")
        found = read_manifest(self.folder)
        if found is not None and any((self.folder / session.path).exists() for session in found.sessions):
            check_same(found, self.options, self.sessions, self.folder)
            return found
        if found is None and self.folder.exists() and any(self.folder.glob("[!.]*")):
            raise ConfigurationError(
                f"{self.folder} is no data set and not empty: it has no {MANIFEST}; give a folder that does not exist."
            )
        return None

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Nobody else writes here meanwhile; the system lets go of it when this process ends, however it ends."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock: IO[bytes] = (self.folder / LOCK).open("wb")
        except OSError as error:
            raise ConfigurationError(f"the folder {self.folder} cannot be used: {error.strerror}.") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):  # a file system without locks
                    yield
                    return
                raise ConfigurationError(
                    f"another `faceedge simulate` writes into {self.folder}; wait for it or end it."
                ) from error
            yield

    def _clean(self) -> None:
        """Remove what a killed run left half done."""
        for left in self.folder.glob(f"*/*{writer.PARTIAL_SUFFIX}"):
            shutil.rmtree(left, ignore_errors=True)

    def _put_aside(self, session: Session, notice: Notice) -> None:
        """Remove a session whose files are not all there."""
        folder = self.folder / session.path
        if folder.exists():
            notice(f"the session {session.path} is not whole any more; it is made again.")
            shutil.rmtree(folder)

    def _check_space(self) -> None:
        needed = estimated_bytes(self.missing, self.options.formats)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise ConfigurationError(
                f"the data set needs about {gigabytes(needed)} more, {gigabytes(free)} are free at {self.folder}; make "
                "room, or ask for less."
            )

    def run(self, jobs: int = 1, backend: str = "loky", address: str = "") -> Iterator[Done]:
        """Make what is missing, in parallel; each session as it is ready.

        Raises:
            DeviceError: a disk is full, a worker was killed, or it cannot reach this folder.
        """
        parent = os.getpid() if backend == "loky" and jobs > 1 else 0
        job = partial(_make, folder=str(self.folder.resolve()), formats=self.options.formats, stage=self.stage,
                      parent=parent)  # fmt: skip
        for done in backends.run(job, list(self.missing), jobs, backend, address):
            if not (self.folder / done.path / writer.FACTS).is_file():
                raise DeviceError(
                    f"a worker wrote {done.path}, and it is not in {self.folder}: on a cluster the data set must lie "
                    "in a folder that all machines share under the same name."
                )
            yield done

    def progress(self) -> tuple[int, float]:
        """Of what was missing: sessions that are there now, and seconds that are recorded."""
        done, recorded_s, idle = 0, 0.0, 0
        for session in self.missing:
            folder = self.folder / session.path
            seconds = session.duration_s if folder.exists() else writer.progress_of(folder)
            done += folder.exists()
            recorded_s += seconds
            idle = 0 if seconds else idle + 1
            if idle > _LOOK_AHEAD:
                break
        return done, recorded_s

    def finish(self) -> Totals:
        """Write the splits, and into the manifest what was made.

        Raises:
            DeviceError: a session is missing.
        """
        assert self._manifest is not None
        all_done, all_recorded = [], []
        expressions: Counter[str] = Counter()
        for session in self.sessions:
            facts = writer.read_facts(self.folder / session.path)
            if facts is None:
                raise DeviceError(f"the session {session.path} is missing; the same command makes it.")
            all_done.append(_done(facts))
            expressions.update(act["expression"] for act in facts["acts"])
            all_recorded.append(recorded(facts, data_path(session, self.options.formats)))
        with self._disk():
            splits = write_splits(self.folder, all_recorded)
        totals = Totals(
            sessions=len(all_done),
            seconds=sum(done.duration_s for done in all_done),
            frames=sum(done.frames for done in all_done),
            events=sum(done.events for done in all_done),
            pictures=sum(done.pictures for done in all_done),
            size=sum(done.size for done in all_done),
            splits=tuple(splits),
            expressions=dict(expressions),
        )
        if not self._manifest.finished:
            counted = {name: getattr(totals, name) for name in ("sessions", "seconds", "frames", "events", "pictures")}
            self._manifest = replace(self._manifest, finished=now(), totals={**counted, "bytes": totals.size})
            with self._disk():
                self._manifest.write(self.folder)
        return totals

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """A disk that is full or gone is a sentence."""
        try:
            yield
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise DeviceError(
                f"the data set {self.folder} cannot be written: {reason}; the same command goes on when that is mended."
            ) from error


def data_path(session: Session, formats: Sequence[str]) -> str:
    """What a row of the splits names: the radar's folder, else the bag, else the session's folder."""
    if "arrays" in formats and "radar" in session.sensors:
        return f"{session.path}/{tracks.RADAR}"
    return f"{session.path}/{writer.BAG}" if "mcap" in formats else session.path


def _make(session: Session, folder: str, formats: Sequence[str], stage: Builder | None, parent: int) -> Done:
    """One session, in a worker."""
    import cv2

    cv2.setNumThreads(1)
    if parent:
        _end_with(parent)
    target = Path(folder) / session.path
    facts = writer.read_facts(target) or writer.write_session(session, target, formats, stage, parent)
    return _done(facts)


@functools.cache
def _end_with(parent: int) -> None:
    """End this worker when ``parent`` has ended, killed perhaps: joblib's wait for work for minutes then."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_PERIOD_S)
        time.sleep(_GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _done(facts: dict[str, Any]) -> Done:
    return Done(
        path=facts["path"], duration_s=facts["duration_s"], size=sum(facts["files"].values()), **facts["counts"]
    )


def gigabytes(size: float) -> str:
    """Bytes for people."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} bytes"
