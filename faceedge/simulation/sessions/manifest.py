"""What a data set is made of and how far it is: ``manifest.json``, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faceedge.errors import ConfigurationError, one_line
from faceedge.simulation.sessions.options import Options
from faceedge.simulation.sessions.session import Session
from faceedge.simulation.sessions.writer import FORMAT, versions

MANIFEST = "manifest.json"
_LONGEST_BYTES = 1 << 28
ABOUT = (
    "Synthetic people in front of simulated sensors: no measurement, and nobody's face. Made by `faceedge simulate` "
    "with these options; the same options, seed and versions give the same bytes."
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is known of a data set.

    Attributes:
        options: as they were asked for.
        sessions: each with every parameter.
        versions: of what made it, by package.
        begun, finished: when, ISO 8601; ``finished`` is empty until all sessions are there.
        totals: what was made, once it is.
    """

    options: Options
    sessions: tuple[Session, ...]
    versions: dict[str, str] = field(default_factory=versions)
    begun: str = ""
    finished: str = ""
    totals: dict[str, float] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write ``manifest.json``: into a file beside it first, which then takes its place."""
        content = {
            "format": FORMAT,
            "about": ABOUT,
            "synthetic": True,
            "versions": self.versions,
            "begun": self.begun,
            "finished": self.finished,
            "totals": self.totals,
            "options": plain_options(self.options),
            "sessions": [{"path": session.path, **session.to_dict()} for session in self.sessions],
        }
        fresh = folder / f".{MANIFEST}.new"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / MANIFEST)


def now() -> str:
    """This moment, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def plain_options(options: Options) -> dict[str, Any]:
    """As JSON has them: no tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(options)))
    return plain


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in ``folder``; None where there is none.

    Raises:
        ConfigurationError: it is damaged, or of another version of the format.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    hint = "give another folder, or remove this one"
    try:
        if path.stat().st_size > _LONGEST_BYTES:
            raise ValueError(f"it has {path.stat().st_size} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no manifest of a data set ({one_line(error)}); {hint}.") from error
    if found != FORMAT:
        made_of = content.get("versions")
        made_by = made_of.get("faceedge", "?") if isinstance(made_of, dict) else "?"
        raise ConfigurationError(
            f"{path} is of format {found}, made by faceedge {made_by}; this version reads and writes format {FORMAT}. "
            f"Go on with the version that began it, or {hint}."
        )
    try:
        return Manifest(
            options=_options(content["options"]),
            sessions=tuple(Session.from_dict(entry) for entry in content["sessions"]),
            versions=dict(content["versions"]),
            begun=str(content["begun"]),
            finished=str(content["finished"]),
            totals=dict(content["totals"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ConfigurationError) as error:
        raise ConfigurationError(
            f"{path} lacks or misstates a part of its format {FORMAT}: {error}; {hint}."
        ) from error


def _options(values: dict[str, Any]) -> Options:
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Options(**plain)


def check_same(manifest: Manifest, options: Options, sessions: Sequence[Session], folder: Path) -> None:
    """Nothing where ``folder`` was begun with the same parameters.

    Raises:
        ConfigurationError: it was not; the sentence names what differs.
    """
    theirs, ours = plain_options(manifest.options), plain_options(options)
    differing = [f"{name} {theirs[name]} instead of {ours[name]}" for name in ours if theirs[name] != ours[name]]
    if not differing and manifest.sessions != tuple(sessions):
        differing = [f"other parameters of its sessions (faceedge {manifest.versions.get('faceedge', 'unknown')})"]
    if differing:
        raise ConfigurationError(
            f"{folder} holds a data set with {', '.join(differing)}. Repeat its own options to go on with it, or give "
            "another folder."
        )


def other_versions(manifest: Manifest) -> list[str]:
    """Packages that differ from those that began the data set, as ``numpy 2.4.6, here 2.3.0``."""
    ours = versions()
    names = [*manifest.versions, *(name for name in ours if name not in manifest.versions)]
    return [
        f"{name} {manifest.versions.get(name, 'absent')}, here {ours.get(name, 'absent')}"
        for name in names
        if manifest.versions.get(name) != ours.get(name)
    ]
