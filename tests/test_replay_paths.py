"""`faceedge replay PATH`: what is played of a synthetic session's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceedge.cli.replay import playable
from faceedge.errors import InputError


def test_of_a_session_its_bag_is_played_or_else_its_radar(tmp_path: Path) -> None:
    assert playable(tmp_path) == tmp_path
    (tmp_path / "session.json").touch()
    with pytest.raises(InputError, match=r"neither session\.mcap nor radar, which can be replayed; `faceedge emulate"):
        playable(tmp_path)
    (tmp_path / "radar").mkdir()
    assert playable(tmp_path) == tmp_path / "radar"
    (tmp_path / "session.mcap").touch()
    assert playable(tmp_path) == tmp_path / "session.mcap"


def test_other_paths_are_left_as_they_are(tmp_path: Path) -> None:
    assert playable(tmp_path / "nowhere") == tmp_path / "nowhere"
    for name in ("session.json", "metadata.yaml", "session.mcap"):
        (tmp_path / name).touch()
    assert playable(tmp_path) == tmp_path
