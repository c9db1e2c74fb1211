"""Reading JSON from outside: every wrong field becomes a sentence with its key, what was expected, and what came."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from faceedge.errors import ConfigurationError

LARGEST_TEXT = 1 << 20
"""Chirp settings are below 4 KB; a longer text is something else."""
KEPT_OF_A_VALUE = 40


def parse_object(where: str, text: str) -> dict[str, Any]:
    """The JSON object in ``text``.

    Args:
        where: names the text in sentences.

    Raises:
        ConfigurationError: no JSON, no object, a key that stands twice, NaN or infinity, or a text above 1 MB.
    """
    if len(text) > LARGEST_TEXT:
        raise ConfigurationError(f"{where}: expected chirp settings of a few KB, got {len(text)} characters.")
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigurationError(f"{where} is not JSON as expected: {reason}.") from error
    if not isinstance(data, dict):
        raise ConfigurationError(f"{where}: expected an object {{...}}, got {shown(data)}.")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def shown(value: object) -> str:
    """A value from outside for a sentence, cut where it is long."""
    if value is None:
        return "null"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer above 4300 digits, or a list nested too deeply, has no repr
        return f"a {type(value).__name__}"
    return text if len(text) <= KEPT_OF_A_VALUE else text[:KEPT_OF_A_VALUE] + "..."


class Fields:
    """One JSON object whose fields are asked for by key and kind; a default makes a key optional.

    Args:
        where: names the object in sentences.
        data: the object.

    Raises (every method):
        ConfigurationError: the key is missing and has no default, or its value is of another kind.
    """

    def __init__(self, where: str, data: Mapping[str, Any]) -> None:
        self._where = where
        self._data = data

    def _wrong(self, key: str, expected: str) -> ConfigurationError:
        if key not in self._data:
            return ConfigurationError(f"{self._where}: {key} is missing; expected {expected}.")
        return ConfigurationError(f"{self._where}: {key} must be {expected}, got {shown(self._data[key])}.")

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        value = self._data.get(key, default)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                if math.isfinite(value):
                    return float(value)
            except OverflowError:  # an integer above 1e308
                pass
        raise self._wrong(key, "a finite number")

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number; ``64.0`` is one."""
        value = self._data.get(key, default)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._wrong(key, "a whole number")

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self._data.get(key, default)
        if isinstance(value, (list, tuple)) and all(
            isinstance(item, int) and not isinstance(item, bool) for item in value
        ):
            return tuple(value)
        raise self._wrong(key, "a list of whole numbers")

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        value = self._data.get(key, default)
        if isinstance(value, str):
            return value
        raise self._wrong(key, "a string")

    def boolean(self, key: str, default: bool | None = None) -> bool:
        """``true`` or ``false``."""
        value = self._data.get(key, default)
        if isinstance(value, bool):
            return value
        raise self._wrong(key, "true or false")

    def object(self, key: str) -> Mapping[str, Any]:
        """An object inside."""
        value = self._data.get(key)
        if isinstance(value, dict):
            return value
        raise self._wrong(key, "an object {...}")
