"""Where the keys of templates are: apart from the templates, one entry for each person, application and enrolment.

An entry holds what encrypts the template's file and what protects the embedding. Whoever destroys it has revoked the
template, wherever copies of the file may be.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from faceedge.errors import InputError
from faceedge.perception.templates.polyprotect import TERMS, Key
from faceedge.perception.templates.private_files import (
    PARTIAL,
    destroy,
    private_folder,
    read_private,
    write_private,
)
from faceedge.perception.templates.refusals import Refusal, TemplateError

SECRET_BYTES, ID_BYTES = 32, 16
ENTRY_BYTES = SECRET_BYTES + 2 * TERMS
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""Of people and applications: what a ROS topic and a file can be called alike."""
KEY_FILE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]*)\.(?P<id>[0-9a-f]{32})\.key")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One entry.

    Attributes:
        secret: 32 bytes, the AES-256 key of the template's file.
        protection: of `polyprotect.protect`.
    """

    secret: bytes
    protection: Key

    @classmethod
    def draw(cls, protection: Key) -> KeyEntry:
        """A new secret from the operating system's random numbers."""
        return cls(secrets.token_bytes(SECRET_BYTES), protection)

    def __repr__(self) -> str:
        return "KeyEntry(not shown)"

    @property
    def id(self) -> bytes:
        """16 bytes that name the entry and tell nothing about it."""
        return hashlib.sha256(b"faceedge template key" + self.to_bytes()).digest()[:ID_BYTES]

    def to_bytes(self) -> bytes:
        """(46,) bytes."""
        return self.secret + self.protection.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> KeyEntry:
        """The entry of `to_bytes`; InputError if the bytes are none."""
        if len(data) != ENTRY_BYTES:
            raise InputError(f"an entry of the key store has {ENTRY_BYTES} bytes, got {len(data)}.")
        return cls(data[:SECRET_BYTES], Key.from_bytes(data[SECRET_BYTES:]))


class KeyStore(Protocol):
    """Keeps the entries. Names and applications have been checked by the caller."""

    def write(self, application: str, name: str, entry: KeyEntry) -> None:
        """Keep an entry beside those that are there; it is durable when this returns.

        Raises:
            TemplateError, ConfigurationError, DeviceError, OSError: it cannot be kept.
        """

    def read(self, application: str, name: str, key_id: bytes) -> KeyEntry:
        """The entry of that id.

        Raises:
            TemplateError: NO_KEY, CORRUPT or EXPOSED.
        """

    def ids(self, application: str, name: str) -> list[bytes]:
        """Ids of all entries of one person."""

    def names(self, application: str) -> list[str]:
        """People with an entry, in order."""

    def applications(self) -> list[str]:
        """Applications with an entry, in order."""

    def delete(self, application: str, name: str, key_id: bytes) -> None:
        """Destroy an entry; nothing happens if there is none."""

    def clean(self, application: str, name: str) -> None:
        """Remove what a writer that was killed left behind."""


class FileKeys:
    """Keys as files of mode 0600 in a folder of mode 0700: FOLDER/APPLICATION/NAME.ID.key.

    The folder belongs on another medium than the templates, or on a volume that a TPM unlocks: docs/templates.md.

    Args:
        folder: made when the first key is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, application: str, name: str, entry: KeyEntry) -> None:
        """Keep an entry; see `KeyStore`."""
        private_folder(self.folder)
        private_folder(self.folder / application)
        write_private(self._path(application, name, entry.id), entry.to_bytes())

    def read(self, application: str, name: str, key_id: bytes) -> KeyEntry:
        """The entry of that id; see `KeyStore`."""
        path = self._path(application, name, key_id)
        data = read_private(path, ENTRY_BYTES)
        if data is None:
            raise no_key(application, name)
        return checked_entry(data, key_id, str(path))

    def ids(self, application: str, name: str) -> list[bytes]:
        """Ids of all entries of one person."""
        return [key_id for who, key_id in self._all(application) if who == name]

    def names(self, application: str) -> list[str]:
        """People with an entry, in order."""
        return sorted({who for who, _ in self._all(application)})

    def applications(self) -> list[str]:
        """Applications with an entry, in order."""
        return folders_in(self.folder)

    def delete(self, application: str, name: str, key_id: bytes) -> None:
        """Destroy an entry."""
        if self._path(application, name, key_id).parent.is_dir():
            destroy(self._path(application, name, key_id))

    def clean(self, application: str, name: str) -> None:
        """Remove what a writer that was killed left behind."""
        for path in (self.folder / application).glob(f".{name}.*.key.*{PARTIAL}"):
            destroy(path)

    def _path(self, application: str, name: str, key_id: bytes) -> Path:
        return self.folder / application / f"{name}.{key_id.hex()}.key"

    def _all(self, application: str) -> list[tuple[str, bytes]]:
        try:
            files = sorted(os.listdir(self.folder / application))
        except FileNotFoundError:
            return []
        found = [KEY_FILE.fullmatch(file) for file in files]
        return [(match["name"], bytes.fromhex(match["id"])) for match in found if match]


def folders_in(folder: Path) -> list[str]:
    """Names of the folders in a folder that an application can have, in order; none if there is no such folder."""
    try:
        return sorted(each.name for each in folder.iterdir() if NAME.fullmatch(each.name) and each.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def no_key(application: str, name: str) -> TemplateError:
    """The refusal of a template whose key is gone."""
    return TemplateError(
        Refusal.NO_KEY,
        f"the key store has no key for {name} in {application}; if the key was not revoked, bring its store back (is "
        "its volume mounted?), otherwise erase the template and enrol again.",
    )


def checked_entry(data: bytes, key_id: bytes, where: str) -> KeyEntry:
    """The entry in ``data`` if it has that id; TemplateError CORRUPT otherwise."""
    try:
        entry = KeyEntry.from_bytes(data)
    except InputError as error:
        raise TemplateError(Refusal.CORRUPT, f"{where} is damaged: {error}") from error
    if entry.id != key_id:
        raise TemplateError(
            Refusal.CORRUPT,
            f"{where} is damaged: its contents do not fit its name; restore it, or erase and enrol again.",
        )
    return entry
