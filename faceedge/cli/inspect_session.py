"""What `faceedge inspect` says of synthetic sessions, of data sets of them, and of files of events."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from faceedge.errors import InputError
from faceedge.radar.inspection import Report, describe_chirp, size_of
from faceedge.simulation.live.session_folder import SESSION, SessionFolder, open_session

MANIFEST = "manifest.json"
EVENT_SUFFIXES = (".raw", ".aedat4")
_LARGEST_JSON_BYTES = 1 << 28
_OPTIONS = ("people", "sessions", "sensors", "formats", "script", "chirp", "seed")
_FACTS = ("path", "script", "distance_m", "sensors", "mask", "camera_mode")


def is_session(path: Path) -> bool:
    """Whether ``path`` is a session's folder or its ``session.json``."""
    return path.name == SESSION or (path / SESSION).is_file()


def is_data_set(path: Path) -> bool:
    """Whether ``path`` is a data set's folder or its ``manifest.json``."""
    return path.name == MANIFEST or (path / MANIFEST).is_file()


def inspect_session(path: Path) -> Report:
    """One recording of one person.

    Args:
        path: of the folder, or of its ``session.json``.

    Raises:
        InputError: damaged.
    """
    folder = path.parent if path.is_file() else path
    session = open_session(folder, needs_radar=False)
    facts = session.facts
    details: dict[str, Any] = {name: facts[name] for name in _FACTS if name in facts}
    details |= {"synthetic": bool(facts.get("synthetic")), "expressions": _expressions([facts])}
    if isinstance(facts.get("counts"), dict):
        details["recorded"] = dict(facts["counts"])
    return Report(
        "session",
        "synthetic session",
        str(folder),
        size_of(folder),
        duration_s=session.duration_s,
        chirp=describe_chirp(session.chirp),
        details=details,
        notes=_missing(session),
    )


def _missing(session: SessionFolder) -> list[str]:
    """A sentence for each file that is not as it was written."""
    notes = []
    listed = session.facts.get("files")
    for name, size in listed.items() if isinstance(listed, dict) else ():
        file = session.folder / str(name)
        if not file.is_file():
            notes.append(f"{name} is missing.")
        elif file.stat().st_size != size:
            notes.append(f"{name} has {file.stat().st_size} bytes, expected {size}.")
    return notes


def _expressions(sessions: list[dict[str, Any]]) -> str:
    """How often each expression is performed, the most frequent first."""
    names: Counter[str] = Counter()
    for facts in sessions:
        acts = facts.get("acts")
        names.update(str(act.get("expression")) for act in acts or () if isinstance(act, dict))
    return ", ".join(f"{count} {name}" for name, count in names.most_common()) or "none but neutral"


def inspect_data_set(path: Path) -> Report:
    """What `faceedge simulate` has made of a data set.

    Args:
        path: of the folder, or of its ``manifest.json``.

    Raises:
        InputError: the manifest is damaged.
    """
    folder = path.parent if path.is_file() else path
    manifest = _json(folder / MANIFEST)
    options, sessions = manifest.get("options"), manifest.get("sessions")
    if not isinstance(options, dict) or not isinstance(sessions, list):
        raise InputError(f"{folder / MANIFEST} is no manifest of a data set: it lacks its options or its sessions.")
    facts, duration_s = [], 0.0
    for entry in sessions:
        inner = folder / str(entry.get("path") if isinstance(entry, dict) else "")
        if inner != folder and (inner / SESSION).is_file():
            session = open_session(inner, needs_radar=False)
            facts.append(session.facts)
            duration_s += session.duration_s
    counts: Counter[str] = Counter()
    for fact in facts:
        if isinstance(fact.get("counts"), dict):
            counts.update(fact["counts"])
    made_by = manifest.get("versions")
    details: dict[str, Any] = {
        "made": f"{len(facts)} of {len(sessions)} sessions",
        "synthetic": bool(manifest.get("synthetic")),
        **{name: options[name] for name in _OPTIONS if name in options},
        "each_s": options.get("duration_s"),
        "expressions": _expressions(facts),
        "recorded": dict(counts),
        "splits": sorted(split.stem for split in (folder / "splits").glob("*.csv")),
        "made_by": f"faceedge {made_by.get('faceedge')}" if isinstance(made_by, dict) else "",
    }
    notes = [] if len(facts) == len(sessions) else ["The command that began it goes on with what is missing."]
    return Report(
        "data_set", "synthetic data set", str(folder), size_of(folder), duration_s, details=details, notes=notes
    )


def _json(path: Path) -> dict[str, Any]:
    found: Any = None
    if path.stat().st_size <= _LARGEST_JSON_BYTES:
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise InputError(f"{path} is no manifest of a data set: expected a JSON object.")
    return found


def inspect_events(path: Path) -> Report:
    """A file of events.

    Raises:
        ConfigurationError: the format needs faery, which is not installed.
        InputError: no format that is known, or damaged.
    """
    from faceedge.events.files import summarise_events

    events = summarise_events(path)
    seconds = (events.last_us - events.first_us) / 1e6
    return Report(
        "events",
        f"events, {events.format.upper()}",
        str(path),
        size_of(path),
        duration_s=seconds,
        details={
            "events": events.count,
            "event_rate_hz": round(events.count / seconds, 1) if seconds > 0 else None,
            "brighter_percent": round(100 * events.brighter / events.count, 1) if events.count else None,
            "sensor": f"{events.width} x {events.height} pixels",
        },
        notes=list(events.notes),
    )
