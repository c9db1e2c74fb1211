"""The library faery, where it is installed: it knows the formats of event files that are not ours to decode."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from faceedge.errors import ConfigurationError, FaceedgeError, InputError, one_line


def faery_module(name: str, what: str) -> Any:
    """A module of faery; ``what`` needs it.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return importlib.import_module(f"faery.{name}" if name else "faery")
    except ImportError as error:
        raise ConfigurationError(
            f"{what} needs the Python package 'faery' ({one_line(error)}); `pip install 'faceedge[sim]'` brings it."
        ) from error


@contextmanager
def reading(path: object) -> Iterator[None]:
    """Whatever faery says of a file that it cannot read, as an `InputError`.

    A panic of its compiled part derives from BaseException, beside KeyboardInterrupt, and is known by its name.
    """
    try:
        yield
    except FaceedgeError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        text = one_line(error).rstrip(".")
        reason = {"failed to fill whole buffer": "it ends too early"}.get(text, text)
        raise InputError(f"{path} cannot be read as an event file: {reason}.") from error
