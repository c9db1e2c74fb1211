"""The one exception that the preparation shows to its user."""

from __future__ import annotations


class SetupError(Exception):
    """Something is missing or failed; the message is one sentence that says what to do about it."""
