"""`faceedge templates`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import template_people as people

from faceedge.cli.main import main
from faceedge.perception.templates.places import open_vault
from faceedge.perception.templates.vault import Vault


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vault:
    monkeypatch.setenv("FACEEDGE_TEMPLATES", str(tmp_path / "templates"))
    monkeypatch.setenv("FACEEDGE_KEYS", str(tmp_path / "keys"))
    for application in ("door", "lift"):
        vault = open_vault(application)
        for name in ("ann", "bob"):
            vault.put(name, people.template(name, application=application), people.KEY)
    return open_vault("door")


def test_everybody_is_listed_by_application(door: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    door.revoke("bob")
    assert main(["templates", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "door  ann  sound  enrolled 2026-11-20 12:30  consent 2026-11-20T12:29:00+00:00",
        "door  bob  revoked",
        "lift  ann  sound  enrolled 2026-11-20 12:30  consent 2026-11-20T12:29:00+00:00",
        "lift  bob  sound  enrolled 2026-11-20 12:30  consent 2026-11-20T12:29:00+00:00",
    ]
    assert main(["templates", "list", "--application", "nowhere"]) == 0
    assert capsys.readouterr().out == "Nobody is enrolled.\n"


def test_check_names_what_is_wrong_and_says_so_by_its_exit_code(
    door: Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["templates", "check"]) == 0
    assert capsys.readouterr().out == "4 looked at, all sound.\n"
    (door.folder / "ann.template").write_bytes(b"x")
    (door.folder / "bob.template").unlink()
    assert main(["templates", "check", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(line["name"], line["state"]) for line in found] == [("ann", "corrupt"), ("bob", "no template")]
    assert "is corrupt: 1 bytes" in found[0]["problem"]


def test_erase_reaches_all_applications_unless_one_is_named(
    door: Vault, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["templates", "erase", "bob", "--application", "lift"]) == 0
    assert main(["templates", "erase", "ann"]) == 0
    assert [path.name.split(".")[0] for path in tmp_path.rglob("*") if path.is_file()] == ["bob", "bob"]
    capsys.readouterr()
    assert main(["templates", "erase", "ann"]) == 0
    assert capsys.readouterr().out == "Nothing of ann is here.\n"
    assert main(["templates", "erase", "--everyone"]) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_revoke_and_rotate_change_what_they_say(door: Vault) -> None:
    before = (door.folder / "ann.template").read_bytes()
    assert main(["templates", "rotate", "ann", "--application", "door"]) == 0
    assert (door.folder / "ann.template").read_bytes() != before
    assert door.key("ann") == people.KEY
    assert main(["templates", "revoke", "--everyone", "--application", "door"]) == 0
    assert (door.names(), door.revoked()) == ([], ["ann", "bob"])
    assert open_vault("lift").names() == ["ann", "bob"]


def test_nobody_is_erased_by_a_command_that_names_nobody(door: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates", "erase"]) == 1
    assert main(["templates", "erase", "ann", "--everyone"]) == 1
    assert "needs names, or --everyone" in capsys.readouterr().err
    assert door.names() == ["ann", "bob"]
