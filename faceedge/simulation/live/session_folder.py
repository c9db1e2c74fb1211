"""A session folder, as `faceedge simulate` writes it or as it ships, for playing.

What ships is the same but smaller: the radar's frames are in ``radar/frames.xz`` instead of ``radar/radar.npy``, and
the events in ``events.raw.xz`` instead of ``events.raw``. Nothing here needs the extra ``sim``.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import ChirpSettings, from_json
from faceedge.radar.recording_folder import CUBES, read_chirp
from faceedge.radar.recordings import open_recording
from faceedge.simulation.live.packing import unpack

SESSION, TRUTH, RADAR, EVENTS, CAMERA = "session.json", "truth.npz", "radar", "events.raw", "camera.avi"
PACKED_CUBES, PACKED_SUFFIX = "frames.xz", ".xz"
_ANEW = "copy it again, or let `faceedge simulate` make it again"
_LARGEST_JSON_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """A session on the disk.

    Attributes:
        folder: of its files.
        facts: what ``session.json`` says of it.
        chirp: of the radar's frames; where the radar did not record, of those that it would have recorded.
    """

    folder: Path
    facts: dict[str, Any]
    chirp: ChirpSettings

    @property
    def name(self) -> str:
        """In a few words."""
        script = self.facts.get("script", "")
        return f"{self.folder.name} ({script})" if script else self.folder.name

    @property
    def duration_s(self) -> float:
        """Of the session; its sensors' recordings may end a little earlier."""
        return float(self.facts["duration_s"])

    @property
    def camera(self) -> Path | None:
        """The camera's video, None where it did not record."""
        path = self.folder / CAMERA
        return path if path.is_file() else None

    @property
    def has_radar(self) -> bool:
        """Whether the radar recorded."""
        return any((self.folder / RADAR / name).is_file() for name in (CUBES, PACKED_CUBES))

    @property
    def has_events(self) -> bool:
        """Whether the event camera recorded."""
        return any((self.folder / f"{EVENTS}{suffix}").is_file() for suffix in ("", PACKED_SUFFIX))

    def check_whole(self) -> None:
        """Nothing where every file that is there is as long as it was when the session was recorded.

        Raises:
            InputError: one is of another length.
        """
        listed = self.facts.get("files")
        for name, size in listed.items() if isinstance(listed, dict) else ():
            path = self.folder / name
            if path.is_file() and path.stat().st_size != size:
                raise InputError(
                    f"the session {self.folder} is not whole: {name} has {path.stat().st_size} bytes, expected {size}; "
                    f"{_ANEW}."
                )

    def cubes(self) -> np.ndarray:
        """(frame, rx, chirp, sample) uint16: on the disk where they are not packed.

        Raises:
            InputError: damaged, or not as the chirp settings have it.
        """
        packed = self.folder / RADAR / PACKED_CUBES
        if not packed.is_file():
            return open_recording(self.folder / RADAR).cubes
        cubes = unpack(packed.read_bytes(), str(packed))
        if cubes.shape[1:] != self.chirp.cube_shape:
            raise InputError(
                f"{packed} has frames of {cubes.shape[1:]}, and its chirp settings make {self.chirp.cube_shape}; the "
                "files belong to two sessions."
            )
        return cubes

    def events_file(self, scratch: Path) -> Path | None:
        """The RAW file with the events; unpacked into the folder ``scratch`` where it has to be. None: no events.

        Raises:
            InputError: the packed file is damaged.
        """
        plain = self.folder / EVENTS
        if plain.is_file() or not self.has_events:
            return plain if plain.is_file() else None
        packed, target = plain.with_name(EVENTS + PACKED_SUFFIX), scratch / EVENTS
        try:
            with lzma.open(packed) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
        except (lzma.LZMAError, EOFError) as error:
            raise InputError(f"the packed events {packed} are damaged: {error}; get the file anew.") from error
        return target

    def truth(self) -> dict[str, np.ndarray]:
        """Arrays of ``truth.npz`` by name; empty where there is none.

        Raises:
            InputError: damaged.
        """
        path = self.folder / TRUTH
        if not path.is_file():
            return {}
        try:
            with np.load(path) as arrays:
                return dict(arrays.items())
        except (ValueError, OSError, zipfile.BadZipFile, zipfile.error) as error:
            raise InputError(f"the truth {path} is damaged: {error}; get the file anew.") from error


def open_session(folder: Path, *, needs_radar: bool = True) -> SessionFolder:
    """The session in ``folder``.

    Args:
        folder: that holds ``session.json``.
        needs_radar: whether a session without radar frames is refused.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = folder / SESSION
    if not path.is_file():
        found = sorted(inner.parent for inner in folder.glob(f"**/{SESSION}")) if folder.is_dir() else []
        hint = f"; give one of the {len(found)} below it, such as {found[0]}" if found else ""
        raise InputError(
            f"{folder} is no session: it has no {SESSION}{hint or '; `faceedge simulate` makes sessions'}."
        )
    facts: Any = None
    if path.stat().st_size <= _LARGEST_JSON_BYTES:
        with contextlib.suppress(ValueError, RecursionError):
            facts = json.loads(path.read_text(encoding="utf-8"))
    duration_s = facts.get("duration_s") if isinstance(facts, dict) else None
    if not isinstance(duration_s, (int, float)) or not 0 < duration_s < float("inf"):
        raise InputError(f"{path} does not describe a session: expected a JSON object with duration_s above 0.")
    radar = folder / RADAR
    if any((radar / name).is_file() for name in (CUBES, PACKED_CUBES)):
        return SessionFolder(folder, facts, read_chirp(radar))
    if needs_radar:
        raise InputError(f"the session {folder} has no radar frames: {radar} holds no {CUBES} and no {PACKED_CUBES}.")
    try:
        return SessionFolder(folder, facts, from_json(json.dumps(facts["chirp"])))
    except (KeyError, ConfigurationError) as error:
        raise InputError(
            f"{path} has no chirp settings that can be read ({error}), and there is no {radar}."
        ) from error
