"""The templates of one application on this device: kept, read, revoked and erased.

A change is safe against being killed at any moment. `put` first keeps the new key beside the old one, then replaces the
template's file in one step, then destroys the old key; the file names its key, so either the old pair is whole or the
new one is. `revoke` and `erase` destroy the key first: whatever is left of the file then opens nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from faceedge.errors import ConfigurationError, InputError
from faceedge.perception.templates import sealing
from faceedge.perception.templates.keys import NAME, KeyEntry, KeyStore, no_key
from faceedge.perception.templates.polyprotect import Key, draw_key
from faceedge.perception.templates.private_files import PARTIAL, destroy, private_folder, read_private, write_private
from faceedge.perception.templates.refusals import Refusal, TemplateError
from faceedge.perception.templates.template import Template, check_name

SUFFIX, REVOKED = ".template", ".revoked"
MOST_ISSUES = 3
ISSUE_PERIOD = timedelta(days=30)
"""Protected templates of one face under several keys add up for somebody who collects them (docs/templates.md), so a
person is issued 3 in 30 days, and then has to wait."""
LARGEST_RECORD = 4096
PERSON = "a person's name"


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A template and the key that protects probes the same way."""

    template: Template
    key: Key


class Vault:
    """Templates in FOLDER/APPLICATION/NAME.template.

    Args:
        folder: made when the first template is stored.
        keys: another place than ``folder``, see `keys`.
        application: names what the templates are for. Keys and files are bound to it, so another application can
            neither use nor compare them.

    Raises:
        InputError: the application's name has other characters than letters, digits and underscores.
    """

    def __init__(self, folder: Path, keys: KeyStore, application: str) -> None:
        check_name(application, "an application's name")
        inside = getattr(keys, "folder", None)
        if inside is not None and folder.resolve() in (inside.resolve(), *inside.resolve().parents):
            raise ConfigurationError(
                f"the keys in {inside} lie inside the templates' folder {folder}; a copy of the one would be a copy of "
                "both. Choose another place for the keys."
            )
        self.folder = folder / application
        self.keys = keys
        self.application = application

    def draw_key(self) -> Key:
        """A key for an enrolment; its exponents differ from those of everybody else here."""
        taken = []
        for name in self.keys.names(self.application):
            for key_id in self.keys.ids(self.application, name):
                with contextlib.suppress(TemplateError):
                    taken.append(self.keys.read(self.application, name, key_id).protection.exponents)
        return draw_key(taken)

    def put(self, name: str, template: Template, key: Key, *, even_so: bool = False) -> None:
        """Store a person's template, in place of the one that is there.

        Args:
            name: as in the template.
            key: that the template was protected with, new for this enrolment.
            even_so: do not count how often this person was enrolled lately.

        Raises:
            InputError: a wrong name, or the template is another person's or application's.
            TemplateError: TOO_MANY_ISSUES; or the stored template is damaged or cannot be opened, in which case
                nothing is overwritten.
            OSError: the disk is full or read-only; the old template stays valid.
        """
        check_name(name, PERSON)
        if (template.name, template.application) != (name, self.application):
            raise InputError(
                f"a template of {template.name} for {template.application} cannot be stored as {name} for "
                f"{self.application}."
            )
        with self._locked():
            issued = self._issued(name)
            if not even_so:
                refuse_too_many(name, issued, template.created)
            recent = tuple(moment for moment in issued if abs(template.created - moment) < ISSUE_PERIOD)
            self._store(replace(template, issued=(*recent, template.created)), KeyEntry.draw(key))
            destroy(self._path(name, REVOKED))

    def unlock(self, name: str) -> Unlocked:
        """A person's template and key.

        Raises:
            InputError: no possible name.
            TemplateError: ABSENT, CORRUPT, TAMPERED, NO_KEY, WRONG_KEY, OTHER_APPLICATION or EXPOSED.
        """
        check_name(name, PERSON)
        if not self.folder.is_dir():
            raise self._absent(name)
        with self._locked(fcntl.LOCK_SH):  # so that no writer changes file and key in between
            return self._unlock(name)

    def get(self, name: str) -> Template:
        """A person's template; raises as `unlock` does."""
        return self.unlock(name).template

    def key(self, name: str) -> Key:
        """The key of a person's template; raises as `unlock` does."""
        return self.unlock(name).key

    def names(self) -> list[str]:
        """People with a template here, in order, whether or not it can be opened."""
        return self._names(SUFFIX)

    def revoked(self) -> list[str]:
        """People whose template was revoked and who have not enrolled again, in order."""
        return self._names(REVOKED)

    def rotate(self, name: str) -> None:
        """Encrypt a template with a new key. What protects the embedding stays: another needs a new enrolment.

        Raises:
            As `unlock`.
        """
        check_name(name, PERSON)
        with self._locked():
            unlocked = self._unlock(name)
            self._store(unlocked.template, KeyEntry.draw(unlocked.key))

    def revoke(self, name: str) -> bool:
        """Make a person's template useless for ever; that it was issued stays on record, see `MOST_ISSUES`.

        Works on a damaged template, too.

        Returns:
            Whether there was one.
        """
        check_name(name, PERSON)
        if not self.folder.is_dir():
            return self._destroy_keys(name)
        with self._locked():
            issued: list[datetime] = []
            with contextlib.suppress(TemplateError):
                issued = self._issued(name)
            had_key = self._destroy_keys(name)
            had_file = self._path(name, SUFFIX).exists()
            if had_file and issued:
                record = json.dumps({"issued": [moment.isoformat() for moment in issued]})
                write_private(self._path(name, REVOKED), record.encode())
            return destroy(self._path(name, SUFFIX)) or had_key

    def erase(self, name: str) -> bool:
        """Leave nothing of a person here: no key, no template, no record, nothing half written.

        Works on a damaged template, too.

        Returns:
            Whether there was anything.
        """
        check_name(name, PERSON)
        found = self._destroy_keys(name)
        if self.folder.is_dir():
            with self._locked():
                for path in (self._path(name, SUFFIX), self._path(name, REVOKED), *self._partials(name)):
                    found = destroy(path) or found
        return found

    def _unlock(self, name: str) -> Unlocked:
        data = read_private(self._path(name, SUFFIX), sealing.LARGEST_FILE)
        if data is None:
            raise self._absent(name)
        claimed = sealing.claimed_key(data, self.application, name)
        known = self.keys.ids(self.application, name)
        if claimed not in known:
            raise self._unknown_key(name, data, bool(known))
        entry = self.keys.read(self.application, name, claimed)
        template = Template.from_bytes(sealing.open_sealed(data, entry, self.application, name))
        return Unlocked(template, entry.protection)

    def _absent(self, name: str) -> TemplateError:
        return TemplateError(
            Refusal.ABSENT, f"{name} is not enrolled for {self.application}; `faceedge enroll {name}` does that."
        )

    def _store(self, template: Template, entry: KeyEntry) -> None:
        name = template.name
        self._clean(name)
        old = self.keys.ids(self.application, name)
        self.keys.write(self.application, name, entry)
        try:
            sealed = sealing.seal(template.to_bytes(), entry, self.application, name)
            write_private(self._path(name, SUFFIX), sealed)
        except BaseException:
            if entry.id not in (self._path(name, SUFFIX).read_bytes() if self._path(name, SUFFIX).exists() else b""):
                self.keys.delete(self.application, name, entry.id)
            raise
        for key_id in old:
            self.keys.delete(self.application, name, key_id)

    def _issued(self, name: str) -> list[datetime]:
        """When templates were issued, as far as is on record; raises as `unlock` if there is one that is damaged."""
        if self._path(name, SUFFIX).exists() or self._path(name, SUFFIX).is_symlink():
            return list(self._unlock(name).template.issued)
        data = read_private(self._path(name, REVOKED), LARGEST_RECORD)
        if data is None:
            return []
        try:
            moments = [datetime.fromisoformat(text) for text in json.loads(data)["issued"]]
            if any(moment.tzinfo is None for moment in moments):
                raise ValueError("a time without a time zone")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise TemplateError(
                Refusal.CORRUPT,
                f"the record of {name}'s revoked templates is damaged; `faceedge templates erase {name}` removes it.",
            ) from error
        return moments

    def _unknown_key(self, name: str, data: bytes, has_others: bool) -> TemplateError:
        if not sealing.is_of(data, self.application):
            return TemplateError(
                Refusal.OTHER_APPLICATION,
                f"the template of {name} belongs to another application than {self.application}; each application "
                "enrols for itself.",
            )
        if has_others:
            return TemplateError(
                Refusal.WRONG_KEY,
                f"the template of {name} was sealed with another key than the one in the key store: one of the two is "
                "an older copy, or another device's; bring both back from the same moment, or erase and enrol again.",
            )
        return no_key(self.application, name)

    def _destroy_keys(self, name: str) -> bool:
        ids = self.keys.ids(self.application, name)
        for key_id in ids:
            self.keys.delete(self.application, name, key_id)
        self.keys.clean(self.application, name)
        return bool(ids)

    def _clean(self, name: str) -> None:
        """Remove what a writer that was killed left behind; nobody else writes while the lock is held."""
        self.keys.clean(self.application, name)
        for path in self._partials(name):
            destroy(path)

    def _partials(self, name: str) -> list[Path]:
        return [path for end in (SUFFIX, REVOKED) for path in self.folder.glob(f".{name}{end}.*{PARTIAL}")]

    def _names(self, suffix: str) -> list[str]:
        try:
            files = sorted(os.listdir(self.folder))
        except FileNotFoundError:
            return []
        stems = [file.removesuffix(suffix) for file in files if file.endswith(suffix)]
        return [stem for stem in stems if NAME.fullmatch(stem)]

    def _path(self, name: str, suffix: str) -> Path:
        return self.folder / f"{name}{suffix}"

    @contextlib.contextmanager
    def _locked(self, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
        """One writer, or any number of readers, of all processes."""
        private_folder(self.folder.parent)
        private_folder(self.folder)
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, kind)
            yield
        finally:
            os.close(handle)


def refuse_too_many(name: str, issued: list[datetime], now: datetime) -> None:
    """Raise TOO_MANY_ISSUES if as many as `MOST_ISSUES` lie within `ISSUE_PERIOD` of now.

    Times after ``now`` count as well: a small computer without a clock of its own may start in the past.
    """
    recent = [moment for moment in issued if abs(now - moment) < ISSUE_PERIOD]
    if len(recent) >= MOST_ISSUES:
        again = (min(recent) + ISSUE_PERIOD).astimezone(UTC)
        raise TemplateError(
            Refusal.TOO_MANY_ISSUES,
            f"{name} was enrolled {len(recent)} times within {ISSUE_PERIOD.days} days, and templates of one face add "
            f"up for a thief; the next is issued from {again:%Y-%m-%d %H:%M} UTC, or now if the operator insists.",
        )
