"""What the commands that need ROS 2 have in common."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from faceedge.errors import ConfigurationError


@contextlib.contextmanager
def needs_ros() -> Iterator[None]:
    """Turn a missing package into a sentence.

    Raises:
        ConfigurationError: a module that the body imports is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"ROS 2 is not available in this Python ({error.name} is missing); `faceedge doctor` says what to do."
        ) from error


def notice(sentence: str) -> None:
    """Tell the user something while a command goes on."""
    print(f"faceedge: {sentence}", file=sys.stderr)
