from __future__ import annotations

from pathlib import Path

import pytest

from faceedge import shipped
from faceedge.shipped import shipped_file, shipped_folders

ROOT = Path(__file__).resolve().parents[1]


def installed(prefix: Path, text: str) -> Path:
    """A ``share/faceedge/config/fastdds.xml`` below ``prefix``."""
    path = prefix / "share" / "faceedge" / "config" / "fastdds.xml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_source_tree_comes_before_what_is_installed(tmp_path: Path) -> None:
    other = installed(tmp_path / "overlay", "another release's")
    folders = shipped_folders("config", {"AMENT_PREFIX_PATH": str(tmp_path / "overlay")}, str(tmp_path))
    assert folders[:2] == [ROOT / "config", other.parent]


def test_an_installed_package_looks_in_ament_prefixes_in_its_own_prefix_and_in_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay, own, python = (installed(tmp_path / name, name) for name in ("overlay", "own", "python"))
    module = tmp_path / "own" / "lib" / "python3.12" / "site-packages" / "faceedge" / "shipped.py"
    monkeypatch.setattr(shipped, "__file__", str(module))
    environment = {"AMENT_PREFIX_PATH": f"{tmp_path / 'absent'}:{tmp_path / 'overlay'}:"}
    found = shipped_folders("config", environment, str(tmp_path / "python"))
    assert found == [overlay.parent, own.parent, python.parent]
    assert shipped_file("config", "fastdds.xml", environment, str(tmp_path / "python")) == overlay


def test_a_file_that_ships_nowhere_is_none(tmp_path: Path) -> None:
    assert shipped_file("config", "no_such_file.xml", {}, str(tmp_path)) is None
    assert shipped_folders("no_such_folder", {}, str(tmp_path)) == []
