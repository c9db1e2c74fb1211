"""Chirp files of both vendors: where they are, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from faceedge.errors import ConfigurationError
from faceedge.radar import infineon_json, ti_cfg
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_limits import advice, check_limits
from faceedge.radar.ti_output import output_advice
from faceedge.shipped import shipped_folders

FOLDER = "firmware_configs"
SUFFIXES = (".json", ".cfg")
LARGEST_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ChirpFile:
    """A chirp file that was read and checked against the limits of its device.

    Attributes:
        chirp: its settings.
        kind: whose format it is.
        commands: ``ti``: the lines to send, in order, without comments; ``infineon``: empty.
        path: of the file.
        warnings: sentences about what is possible and yet worth knowing.
    """

    chirp: ChirpSettings
    kind: Literal["infineon", "ti"]
    commands: tuple[str, ...]
    path: Path
    warnings: tuple[str, ...] = ()


def list_chirp_files() -> list[Path]:
    """The chirp files that ship with faceedge, by name."""
    found: dict[str, Path] = {}
    for folder in shipped_folders(FOLDER):
        for path in sorted(folder.iterdir()):
            if path.suffix in SUFFIXES and path.is_file():
                found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def find_chirp_file(name: str) -> Path:
    """A chirp file by name or path.

    Args:
        name: the name of a shipped file, with or without its suffix (``bgt60_face_food``), or a path.

    Raises:
        ConfigurationError: nowhere; the sentence lists the shipped ones.
    """
    given = Path(name).expanduser()
    if given.is_file():
        return given
    if given.name == name:
        for path in list_chirp_files():
            if name in (path.name, path.stem):
                return path
    known = ", ".join(path.name for path in list_chirp_files()) or f"none: no {FOLDER} folder was found"
    raise ConfigurationError(f"chirp file {name!r} not found; give a path, or one of those that ship: {known}.")


def load_chirp_file(path: Path | str) -> ChirpFile:
    """Read a chirp file and check it.

    Args:
        path: a file, or the name of a shipped one; ``.cfg`` is TI's format, everything else Infineon's.

    Raises:
        ConfigurationError: not found, unreadable, not what its format asks for, or impossible for the device. The
            sentence begins with the file's name.
    """
    found = find_chirp_file(str(path))
    text = _text(found)
    try:
        return _read(found, text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{found}: {error}") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise ConfigurationError(f"{path}: expected a chirp file of a few KB, got {path.stat().st_size:,} bytes.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is no text file" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigurationError(f"{path} cannot be read: {reason}.") from error


def _read(path: Path, text: str) -> ChirpFile:
    if path.suffix.lower() != ".cfg":
        chirp = infineon_json.read(text)
        check_limits(chirp)
        return ChirpFile(chirp, "infineon", (), path, tuple(advice(chirp)))
    configuration = ti_cfg.parse(text)
    chirp = configuration.chirp
    check_limits(chirp)
    commands = tuple(" ".join(command) for command in configuration.commands)
    warnings = (*configuration.warnings, *output_advice(configuration), *advice(chirp))
    return ChirpFile(chirp, "ti", commands, path, warnings)
