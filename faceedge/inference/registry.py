"""Model files and their cards: where they are, what they are, and whether they are what their card says.

A model is two files in one folder: ``<name>.tflite`` and its card ``<name>.yaml``. The card carries the file's
sha256, so a truncated download, a Git LFS pointer or a swapped file is found when the model is opened and not by odd
results later.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from faceedge.errors import ModelError
from faceedge.shipped import shipped_folders

_ENVIRONMENT_VARIABLE = "FACEEDGE_MODELS"
_REQUIRED = ("name", "file", "sha256", "task")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known about one model file.

    ``name``, ``file``, ``sha256`` and ``task`` must be in every card. A card that ships with faceedge fills all
    fields.

    Attributes:
        file: file name of the model, beside the card.
        sha256: of the model file, 64 hexadecimal digits.
        input, output: name, shape, type, range and meaning of each tensor, in words or as a mapping.
        training: data, its terms, command and seed.
        metrics: figures by split and group, each with the data and the command behind it.
        float_against_int8: the same figures for both forms, or why there is only one.
        time_ms: time of one inference by runtime and machine.
        limits: where not to trust it.
        extra: every other entry of the card, such as the constants that a decoder needs.
    """

    name: str
    file: str
    sha256: str
    task: str
    licence: str = ""
    source: str = ""
    input: Any = ""
    output: Any = ""
    training: Any = ""
    metrics: Any = ""
    float_against_int8: Any = ""
    size_bytes: int = 0
    time_ms: Any = ""
    limits: Any = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A model file that has been checked against its card."""

    path: Path
    card: ModelCard


def models_folders() -> list[Path]:
    """Folders that are searched for models, first match wins; those that do not exist are left out.

    The folders of FACEEDGE_MODELS come before those that ship.
    """
    users_own = [Path(text) for text in os.environ.get(_ENVIRONMENT_VARIABLE, "").split(os.pathsep) if text]
    candidates = [*(folder for folder in users_own if folder.is_dir()), *shipped_folders("models")]
    return list(dict.fromkeys(candidates))


def find_model(name: str, folder: Path | None = None) -> Model:
    """The model called ``name``, its file verified against the sha256 of its card.

    Args:
        name: the card's file name without ``.yaml``.
        folder: search here only; None searches ``models_folders()``.

    Raises:
        ModelError: no card of that name in the folders (which are named), a card that is wrong, or a model file that
            is missing or has another sha256 (both are named).
    """
    folders = models_folders() if folder is None else [folder]
    for candidate in folders:
        card_path = candidate / f"{name}.yaml"
        if card_path.is_file():
            return _verified(card_path)
    searched = ", ".join(str(candidate) for candidate in folders) or "no folder: none of the usual ones exists"
    raise ModelError(
        f"Model {name!r} not found: no {name}.yaml in {searched}. "
        f"Set {_ENVIRONMENT_VARIABLE} to the folder that holds it."
    )


def list_models(folders: Iterable[Path] | None = None) -> list[ModelCard]:
    """Cards of all models in ``folders`` (None: ``models_folders()``), by name; files are not verified.

    Raises:
        ModelError: a card is wrong.
    """
    cards: dict[str, ModelCard] = {}
    for folder in models_folders() if folders is None else folders:
        for path in sorted(folder.glob("*.yaml")):
            cards.setdefault(path.stem, read_card(path))
    return [cards[name] for name in sorted(cards)]


def read_card(path: Path) -> ModelCard:
    """Read one card.

    Raises:
        ModelError: the file cannot be read, is not a YAML mapping, or lacks a required entry.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: the model card cannot be read: {reason}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: a model card is a YAML mapping, this is {type(content).__name__}.")
    missing = [key for key in _REQUIRED if not isinstance(content.get(key), str) or not content[key].strip()]
    if missing:
        raise ModelError(f"{path}: the model card lacks {', '.join(missing)} (each a non-empty text).")
    if content["name"] != path.stem:
        raise ModelError(
            f"{path}: the card says name: {content['name']}, expected {path.stem}, the name of its own file."
        )
    if Path(content["file"]).name != content["file"]:
        raise ModelError(f"{path}: file must be a file name beside the card, got {content['file']!r}.")
    known = {entry.name for entry in dataclasses.fields(ModelCard)} - {"extra"}
    extra = {str(key): value for key, value in content.items() if key not in known}
    return ModelCard(**{key: value for key, value in content.items() if key in known}, extra=extra)


def _verified(card_path: Path) -> Model:
    card = read_card(card_path)
    path = card_path.parent / card.file
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: the model file of card {card_path} cannot be read ({error.strerror}).") from error
    if found != card.sha256.lower():
        raise ModelError(
            f"{path} is corrupt or another file: its card expects sha256 {card.sha256}, the file has {found}. "
            "Fetch the file again, or correct the card if the change is meant."
        )
    return Model(path, card)
