"""Templates at rest: what is kept, what is refused and why, what a crash leaves, what erasing leaves."""

from __future__ import annotations

import dataclasses
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import template_people as people
from hypothesis import given
from hypothesis import strategies as st

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.perception.templates import sealing
from faceedge.perception.templates import vault as vault_module
from faceedge.perception.templates.kernel_keys import KernelKeys
from faceedge.perception.templates.keys import FileKeys, KeyEntry
from faceedge.perception.templates.polyprotect import Key, draw_key
from faceedge.perception.templates.refusals import Refusal, TemplateError
from faceedge.perception.templates.template import Template
from faceedge.perception.templates.vault import Vault
from faceedge.radar.chirp_files import load_chirp_file

LETTERS = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = people.vault(tmp_path)
    vault.put("ann", people.template(), people.KEY)
    return vault


def refusal(vault: Vault, name: str = "ann") -> Refusal:
    """Why the template is refused."""
    with pytest.raises(TemplateError) as caught:
        vault.unlock(name)
    assert str(caught.value).endswith((".", "it.", "again."))
    return caught.value.refusal


def files(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def patch(path: Path, data: bytes) -> None:
    """Other bytes in place; emptying a file first would make some file systems wait for the disk each time."""
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def template_file(vault: Vault) -> Path:
    return vault.folder / "ann.template"


def test_what_is_stored_comes_back(vault: Vault) -> None:
    found, stored = vault.unlock("ann"), people.template()
    assert found.key == people.KEY
    assert np.array_equal(found.template.protected, stored.protected)
    for field in ("name", "application", "threshold", "chirp", "model_sha256", "created", "consent", "statistics"):
        assert getattr(found.template, field) == getattr(stored, field)
    assert vault.get("ann").issued == (people.WHEN,)
    assert vault.key("ann") == people.KEY
    assert vault.names() == ["ann"]


@given(consent=st.dictionaries(LETTERS, LETTERS, max_size=4), threshold=st.floats(-1, 1), seed=st.integers(0, 99))
def test_a_template_survives_its_bytes(consent: dict[str, str], threshold: float, seed: int) -> None:
    stored = dataclasses.replace(people.template(seed=seed), consent=consent, threshold=threshold)
    found = Template.from_bytes(stored.to_bytes())
    assert found.to_bytes() == stored.to_bytes()
    assert (found.consent, found.threshold, found.chirp) == (consent, threshold, stored.chirp)


def test_every_changed_byte_is_noticed(vault: Vault) -> None:
    path, good = template_file(vault), template_file(vault).read_bytes()
    reasons = set()
    for place in range(len(good)):
        patch(path, good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
        reasons.add(refusal(vault))
    assert reasons == {Refusal.CORRUPT, Refusal.TAMPERED, Refusal.WRONG_KEY}
    patch(path, good)
    assert vault.get("ann").name == "ann"


def test_every_cut_and_everything_appended_is_noticed(vault: Vault) -> None:
    path, good = template_file(vault), template_file(vault).read_bytes()
    for length in range(len(good)):
        patch(path, good[:length])
        assert refusal(vault) in (Refusal.CORRUPT, Refusal.TAMPERED)
    patch(path, good + b"\0")
    assert refusal(vault) == Refusal.TAMPERED
    patch(path, bytes(1 << 20))
    assert refusal(vault) == Refusal.CORRUPT


def test_every_changed_byte_of_a_key_is_noticed(vault: Vault, tmp_path: Path) -> None:
    (path,) = (tmp_path / "keys").rglob("*.key")
    good = path.read_bytes()
    for place in range(len(good)):
        patch(path, good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert refusal(vault) == Refusal.CORRUPT


def test_a_key_that_is_gone_or_another_one_is_named(vault: Vault, tmp_path: Path) -> None:
    old = template_file(vault).read_bytes()
    vault.rotate("ann")
    assert vault.get("ann").threshold == 0.4
    template_file(vault).write_bytes(old)  # somebody puts an older copy back
    assert refusal(vault) == Refusal.WRONG_KEY
    for path in (tmp_path / "keys").rglob("*.key"):
        path.unlink()
    assert refusal(vault) == Refusal.NO_KEY


def test_a_template_of_another_application_is_refused_and_so_is_another_persons(vault: Vault, tmp_path: Path) -> None:
    lift = people.vault(tmp_path, "lift")
    lift.put("ann", people.template(application="lift"), people.KEY)
    (lift.folder / "ann.template").write_bytes(template_file(vault).read_bytes())
    assert refusal(lift) == Refusal.OTHER_APPLICATION
    for path in (tmp_path / "keys" / "door").iterdir():  # with its key as well
        (tmp_path / "keys" / "lift" / path.name).write_bytes(path.read_bytes())
        (tmp_path / "keys" / "lift" / path.name).chmod(0o600)
    assert refusal(lift) == Refusal.TAMPERED
    vault.put("bob", people.template("bob"), people.KEY)
    (vault.folder / "bob.template").write_bytes(template_file(vault).read_bytes())
    assert refusal(vault, "bob") == Refusal.WRONG_KEY


def test_another_chirp_and_another_network_are_refused_and_more_chirps_a_frame_are_not(vault: Vault) -> None:
    template = vault.get("ann")
    template.require_chirp(people.CHIRP)
    template.require_chirp(load_chirp_file("bgt60_face_looks").chirp)
    template.require_model(people.MODEL)
    with pytest.raises(TemplateError, match=r"start_frequency_hz 5\.8e\+10 there, 6\.01e\+10 here") as caught:
        template.require_chirp(load_chirp_file("bgt60_face_food").chirp)
    assert caught.value.refusal is Refusal.OTHER_CHIRP
    with pytest.raises(TemplateError, match="another embedding network") as caught:
        template.require_model("00" * 32)
    assert caught.value.refusal is Refusal.OTHER_MODEL


def test_nobody_but_the_owner_may_read_anything(vault: Vault, tmp_path: Path) -> None:
    os.umask(os.umask(0))  # as it is; modes are set whatever it says
    vault.revoke("ann")
    vault.put("bob", people.template("bob"), people.KEY)
    for path in [tmp_path / "templates", tmp_path / "keys", *tmp_path.rglob("*/**/*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("which", ["templates", "keys"])
def test_files_that_others_may_read_are_refused(vault: Vault, tmp_path: Path, which: str) -> None:
    (path,) = (each for each in (tmp_path / which).rglob("ann.*"))
    path.chmod(0o640)
    assert refusal(vault) == Refusal.EXPOSED
    path.chmod(0o600)
    moved = path.rename(tmp_path / "elsewhere")
    path.symlink_to(moved)
    assert refusal(vault) == Refusal.EXPOSED


def test_a_folder_that_others_may_enter_is_refused(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "keys" / "door").chmod(0o755)
    with pytest.raises(ConfigurationError, match="open to other users"):
        vault.put("bob", people.template("bob"), people.KEY)
    assert vault.names() == ["ann"]


def test_a_damaged_template_is_not_overwritten(vault: Vault, tmp_path: Path) -> None:
    template_file(vault).write_bytes(template_file(vault).read_bytes()[:-1])
    before = files(tmp_path)
    with pytest.raises(TemplateError, match="was changed since it was written"):
        vault.put("ann", people.template(), people.KEY)
    with pytest.raises(TemplateError, match="was changed since it was written"):
        vault.rotate("ann")
    assert files(tmp_path) == before
    assert vault.erase("ann")
    vault.put("ann", people.template(), people.KEY)
    assert vault.get("ann").name == "ann"


def test_a_disk_that_is_full_leaves_the_old_pair_valid(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(tmp_path)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(vault_module, "write_private", full)
    with pytest.raises(OSError, match="No space left"):
        vault.put("ann", people.template(seed=9), draw_key())
    assert files(tmp_path) == before
    assert vault.key("ann") == people.KEY


def test_killed_at_any_moment_the_old_template_or_the_new_one_is_whole(tmp_path: Path) -> None:
    vault = people.vault(tmp_path)
    stored = {people.template(seed=seed).protected.tobytes(): seed for seed in range(2000)}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    last = 0
    for delay_s in (0.0, 0.011, 0.023, 0.037):
        program = [sys.executable, Path(__file__).with_name("killed_writer.py").as_posix(), tmp_path.as_posix()]
        with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            printed = [child.stdout.readline() for _ in range(3)]
            time.sleep(delay_s)
            child.send_signal(signal.SIGKILL)
            printed += child.stdout.readlines()
        last = int([line for line in printed if line.endswith("\n")][-1])
        found = stored[vault.get("ann").protected.tobytes()]
        assert found in (last, last + 1)
    vault.put("ann", people.template(seed=1999), people.KEY, even_so=True)
    assert len(files(tmp_path)) == 2, "a template and a key; what the killed ones left is gone"


@pytest.mark.parametrize("damage", ["none", "template", "key", "half written", "revoked"])
def test_erasing_leaves_nothing_of_a_person(vault: Vault, tmp_path: Path, damage: str) -> None:
    vault.put("anna", people.template("anna"), people.KEY)
    others = {path: data for path, data in files(tmp_path).items() if path.name.startswith("anna.")}
    if damage == "template":
        template_file(vault).write_bytes(b"")
    elif damage == "key":
        next((tmp_path / "keys").rglob("ann.*.key")).write_bytes(b"x")
    elif damage == "half written":
        (vault.folder / ".ann.template.0123.partial").write_bytes(b"x")
        (tmp_path / "keys" / "door" / ".ann.00.key.0123.partial").write_bytes(b"x")
    elif damage == "revoked":
        vault.revoke("ann")
    assert vault.erase("ann")
    assert files(tmp_path) == others
    assert not vault.erase("ann")
    assert refusal(vault) == Refusal.ABSENT


def test_a_key_is_overwritten_before_its_name_goes(vault: Vault, tmp_path: Path) -> None:
    (path,) = (tmp_path / "keys").rglob("*.key")
    second_name = tmp_path / "same"
    os.link(path, second_name)
    vault.erase("ann")
    assert second_name.read_bytes() == bytes(46)


def test_what_is_revoked_opens_nothing_even_with_a_copy_of_the_file(vault: Vault) -> None:
    copy = template_file(vault).read_bytes()
    assert vault.revoke("ann")
    assert refusal(vault) == Refusal.ABSENT
    assert vault.revoked() == ["ann"]
    template_file(vault).write_bytes(copy)
    template_file(vault).chmod(0o600)
    assert refusal(vault) == Refusal.NO_KEY


def test_a_person_is_issued_three_templates_in_thirty_days_however_they_went(vault: Vault) -> None:
    def enrol(days: float, **options: bool) -> None:
        vault.put("ann", people.template(created=people.WHEN + timedelta(days=days)), draw_key(), **options)

    enrol(1)
    vault.revoke("ann")
    enrol(2)
    with pytest.raises(TemplateError, match=r"3 times within 30 days.* from 2026-12-20 12:30 UTC") as caught:
        enrol(3)
    assert caught.value.refusal is Refusal.TOO_MANY_ISSUES
    with pytest.raises(TemplateError):
        enrol(-5)  # a clock that was set back
    enrol(3, even_so=True)
    assert len(vault.get("ann").issued) == 4
    enrol(32.5)
    assert [(moment.month, moment.day) for moment in vault.get("ann").issued] == [(11, 23), (12, 23)]


def test_drawn_keys_have_other_exponents_than_those_in_use(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def draw(taken: list[tuple[int, ...]]) -> Key:
        asked.extend(taken)
        return draw_key(taken)

    monkeypatch.setattr(vault_module, "draw_key", draw)
    vault.draw_key()
    assert asked == [people.KEY.exponents]


@pytest.mark.parametrize("name", ["", "..", "a/b", ".ann", "1ann", "a" * 65, "änn", "ann.template", "a\n"])
def test_names_that_could_not_be_files_or_topics_are_refused(vault: Vault, name: str) -> None:
    for call in (vault.unlock, vault.revoke, vault.erase, vault.rotate):
        with pytest.raises(InputError, match="letters, digits and underscores"):
            call(name)


def test_a_template_is_stored_under_its_own_name_only(vault: Vault) -> None:
    with pytest.raises(InputError, match="cannot be stored as bob"):
        vault.put("bob", people.template("ann"), people.KEY)


def test_keys_inside_the_templates_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="another place"):
        Vault(tmp_path, FileKeys(tmp_path / "keys"), "door")


@pytest.mark.parametrize(
    "wrong",
    [
        {"protected": np.zeros(26, np.float32)},
        {"protected": np.full(26, np.nan, np.float32)},
        {"protected": np.ones(26)},
        {"threshold": float("nan")},
        {"model_sha256": "ab"},
        {"created": datetime(2026, 1, 1)},
        {"statistics": {"mean": float("inf")}},
        {"name": "a b"},
    ],
)
def test_a_template_that_could_not_be_used_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        dataclasses.replace(people.template(), **wrong)


def test_two_files_of_the_same_template_have_nothing_in_common_but_their_kind() -> None:
    entry = KeyEntry.draw(people.KEY)
    first, second = (sealing.seal(b"same", entry, "door", "ann") for _ in range(2))
    assert first[:40] == second[:40]
    assert first[40:52] != second[40:52]
    assert first[52:] != second[52:]
    assert repr(entry) == "KeyEntry(not shown)"


def test_keys_in_the_kernel_work_as_those_in_files_do(tmp_path: Path) -> None:
    try:
        keys = KernelKeys()
        vault = Vault(tmp_path, keys, f"test_{os.getpid()}")
        vault.put("ann", people.template(application=vault.application), people.KEY)
    except DeviceError as error:
        pytest.skip(str(error))
    try:
        assert vault.key("ann") == people.KEY
        assert vault.application in keys.applications()
        vault.rotate("ann")
        assert len(keys.ids(vault.application, "ann")) == 1
    finally:
        vault.erase("ann")
    assert keys.names(vault.application) == []
    assert files(tmp_path) == {}
