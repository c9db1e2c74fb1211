from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faceedge.errors import ModelError
from faceedge.inference.registry import find_model, list_models, models_folders, read_card

SHIPPED = Path(__file__).resolve().parents[1] / "models"
CONTENT = b"a model"


def write(folder: Path, name: str = "smile", **changes: object) -> Path:
    """A model and its card; a change to None removes the entry."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.tflite").write_bytes(CONTENT)
    card = {
        "name": name,
        "file": f"{name}.tflite",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "task": "smiles",
        "anchors": [[8, 2]],
    } | changes
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in card.items() if value is not None}))
    return path


def test_a_model_is_found_with_its_card(tmp_path: Path) -> None:
    write(tmp_path)
    model = find_model("smile", tmp_path)
    assert model.path == tmp_path / "smile.tflite"
    assert model.card.task == "smiles"
    assert model.card.extra == {"anchors": [[8, 2]]}


def test_a_corrupt_model_is_refused_with_the_file_and_both_hashes(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "smile.tflite").write_bytes(CONTENT + b"!")
    with pytest.raises(ModelError) as caught:
        find_model("smile", tmp_path)
    text = str(caught.value)
    assert str(tmp_path / "smile.tflite") in text
    assert hashlib.sha256(CONTENT).hexdigest() in text
    assert hashlib.sha256(CONTENT + b"!").hexdigest() in text


def test_a_card_without_its_file_is_refused_with_both_names(tmp_path: Path) -> None:
    card = write(tmp_path)
    (tmp_path / "smile.tflite").unlink()
    with pytest.raises(ModelError, match=r"smile\.tflite.*smile\.yaml"):
        find_model("smile", tmp_path)
    assert card.exists()


def test_a_missing_model_names_every_folder_that_was_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("FACEEDGE_MODELS", os.pathsep.join((str(tmp_path / "one"), str(tmp_path / "two"))))
    with pytest.raises(ModelError) as caught:
        find_model("frown")
    assert "frown" in str(caught.value)
    assert all(str(folder) in str(caught.value) for folder in models_folders())
    assert models_folders()[:2] == [tmp_path / "one", tmp_path / "two"]


def test_a_folder_of_the_environment_comes_before_the_shipped_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "face_landmarks")
    monkeypatch.setenv("FACEEDGE_MODELS", str(tmp_path))
    assert find_model("face_landmarks").path == tmp_path / "face_landmarks.tflite"


def test_a_colcon_install_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "share" / "faceedge" / "models")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert find_model("smile").path.parent == tmp_path / "share" / "faceedge" / "models"


@pytest.mark.parametrize("entry", ["name", "file", "sha256", "task"])
def test_a_card_without_a_needed_entry_is_refused(tmp_path: Path, entry: str) -> None:
    removed: dict[str, Any] = {entry: None}
    path = write(tmp_path, **removed)
    with pytest.raises(ModelError, match=f"lacks {entry}"):
        read_card(path)


def test_a_card_cannot_point_out_of_its_folder(tmp_path: Path) -> None:
    path = write(tmp_path, file="../smile.tflite")
    with pytest.raises(ModelError, match="must be a file name beside the card"):
        read_card(path)


def test_a_card_under_another_name_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, name="smile").rename(tmp_path / "grin.yaml")
    with pytest.raises(ModelError, match="smile"):
        read_card(path)


@given(text=st.text())
def test_any_text_is_a_card_or_refused_with_its_path(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"any\.yaml"):
        read_card(path)


def test_all_shipped_cards_fill_every_field_and_match_their_files() -> None:
    cards = list_models([SHIPPED])
    assert {"face_detection_near", "face_detection_far", "face_landmarks"} <= {card.name for card in cards}
    for card in cards:
        find_model(card.name, SHIPPED)
        assert card.size_bytes == (SHIPPED / card.file).stat().st_size
        for field in (
            *("licence", "source", "input", "output", "training", "metrics"),
            *("float_against_int8", "time_ms", "limits"),
        ):
            assert getattr(card, field), f"{card.name}: {field} is empty"
